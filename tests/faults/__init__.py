"""What breaks from outside: kills, full disks, lost servers, damaged files."""
