"""A way to a server that is as bad as it is told to be: slow, cut, silent, or with other words."""

from __future__ import annotations

import socket
import struct
import threading
import time
from contextlib import suppress
from types import TracebackType
from typing import Self

NOW_GONE = struct.pack("ii", 1, 0)
"""SO_LINGER: closing resets the connection."""


class Proxy:
    """TCP on a port of its own, for one server on this machine."""

    def __init__(self, port: int) -> None:
        self.server = port
        self.delay_s = 0.0
        """Before every piece of up to 64 KiB, each way."""
        self.cut_after: int | None = None
        """So many more bytes, both ways together; then every connection is reset, once."""
        self.silent = False
        """Connections stay, and nothing comes through."""
        self.instead: tuple[bytes, bytes] | None = None
        """What the server says → what the client hears."""
        self.bytes = 0
        self._lock = threading.Lock()
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._door.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"bolt://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self._door.close()
        self.cut()

    def cut(self) -> None:
        """Reset every connection there is."""
        with self._lock:
            pairs, self._pairs = self._pairs, []
        for pair in pairs:
            for end in pair:
                with suppress(OSError):
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NOW_GONE)
                    end.shutdown(socket.SHUT_RD)  # wakes the thread that reads from it
                end.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._door.accept()
            except OSError:  # closed
                return
            server = socket.create_connection(("127.0.0.1", self.server))
            with self._lock:
                self._pairs.append((client, server))
            for one, other, said in ((client, server, False), (server, client, True)):
                threading.Thread(target=self._carry, args=(one, other, said), daemon=True).start()

    def _carry(self, one: socket.socket, other: socket.socket, said_by_server: bool) -> None:
        with suppress(OSError):
            while piece := one.recv(1 << 16):
                if self.instead is not None and said_by_server:
                    piece = piece.replace(*self.instead)
                time.sleep(self.delay_s)
                while self.silent:
                    time.sleep(0.05)
                if self._is_cut(len(piece)):
                    self.cut()
                    return
                other.sendall(piece)
        with suppress(OSError):
            other.shutdown(socket.SHUT_WR)

    def _is_cut(self, size: int) -> bool:
        with self._lock:
            self.bytes += size
            if self.cut_after is None:
                return False
            self.cut_after -= size
            if self.cut_after > 0:
                return False
            self.cut_after = None
            return True
