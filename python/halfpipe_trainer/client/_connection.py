"""Where a service is and how to get in, and what it answers when it refuses."""

import dataclasses
import os
import pathlib
from typing import Any, List, Optional, Tuple, Union

import grpc

PathLike = Union[str, "os.PathLike[str]"]

DEFAULT_ADDRESS = "127.0.0.1:50700"
# For a service that is away while it is watched.
PATIENCE_SECONDS = 30.0
_MOST_ANSWER_BYTES = 64 << 20  # a trace of many steps


class ServiceError(Exception):
    """A call that failed: `code`, gRPC's, and `message`, the service's. A job
    file's problems are one message, a line each."""

    def __init__(self, code: grpc.StatusCode, message: str):
        super().__init__(f"{code.name}: {message}")
        self.code = code
        self.message = message

    @staticmethod
    def of(error: Any) -> "ServiceError":
        """Of a grpc.RpcError, which has both."""
        return ServiceError(error.code(), error.details() or "")


@dataclasses.dataclass(frozen=True)
class Connection:
    """The options of the command line that say where the service is. `ca`:
    speak TLS, and who may have signed the service's certificate; `certificate`
    and `key`: the client's own, for mutual TLS (all PEM files)."""

    address: str = DEFAULT_ADDRESS
    ca: Optional[PathLike] = None
    certificate: Optional[PathLike] = None
    key: Optional[PathLike] = None
    token: Optional[str] = None

    @staticmethod
    def from_environment() -> "Connection":
        """By the command line's variables: HALFPIPE_ADDRESS, HALFPIPE_CA,
        HALFPIPE_CERT, HALFPIPE_KEY, HALFPIPE_TOKEN, HALFPIPE_TOKEN_FILE."""
        get = os.environ.get
        token, token_file = get("HALFPIPE_TOKEN"), get("HALFPIPE_TOKEN_FILE")
        if not token and token_file:
            token = pathlib.Path(token_file).read_text(encoding="utf-8").strip()
        return Connection(get("HALFPIPE_ADDRESS") or DEFAULT_ADDRESS,
                          get("HALFPIPE_CA"), get("HALFPIPE_CERT"),
                          get("HALFPIPE_KEY"), token)

    def metadata(self) -> Tuple[Tuple[str, str], ...]:
        if not self.token:
            return ()
        return (("authorization", f"Bearer {self.token}"),)

    def options(self) -> List[Tuple[str, Any]]:
        options: List[Tuple[str, Any]] = [
            ("grpc.max_receive_message_length", _MOST_ANSWER_BYTES)]
        if self.address.startswith(("127.", "localhost:", "[::1]:", "unix:")):
            options.append(("grpc.enable_http_proxy", 0))
        return options

    def credentials(self) -> Optional[grpc.ChannelCredentials]:
        """None: without TLS."""
        if self.ca is None:
            if self.certificate is not None or self.key is not None:
                raise ValueError("a certificate or key needs ca as well")
            return None

        def content(path: Optional[PathLike]) -> Optional[bytes]:
            return None if path is None else pathlib.Path(path).read_bytes()

        return grpc.ssl_channel_credentials(
            content(self.ca), content(self.key), content(self.certificate))
