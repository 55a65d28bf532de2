"""Groups of users chosen for a campaign: by what their profiles say, or by likeness to others."""
