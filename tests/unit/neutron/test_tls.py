"""Servers are verified against the system's authorities, a given one, or, if the operator insists, not at all."""

import datetime
import ipaddress
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from kuryr.errors import CloudUnavailable
from kuryr.neutron.session import connect
from unit.neutron import cloudserver
from unit.neutron.cloudserver import NETWORK, CloudServer
from unit.neutron.conftest import Configure


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for 127.0.0.1 that signs itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "cloud")])
    now = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path / "cloud.pem"
    file.write_bytes(
        signed.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return file


@pytest.fixture
def tls_server(certificate: Path) -> Iterator[CloudServer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with cloudserver.running(context) as running:
        yield running


def test_an_unknown_authority_is_not_trusted(tls_server: CloudServer, with_password: Configure) -> None:
    with pytest.raises(CloudUnavailable, match=r"Keystone at .* cannot be trusted: TLS failed \(check `cafile`"):
        connect(with_password(tls_server.auth_url)).networks.get(NETWORK["id"])
    assert tls_server.asked == []


def test_an_authority_may_be_given(tls_server: CloudServer, with_password: Configure, certificate: Path) -> None:
    connect(with_password(tls_server.auth_url, cafile=certificate)).networks.get(NETWORK["id"])

    assert tls_server.of("networking") != []


def test_verification_may_be_switched_off(
    tls_server: CloudServer, with_password: Configure, caplog: pytest.LogCaptureFixture
) -> None:
    connect(with_password(tls_server.auth_url, insecure=True)).networks.get(NETWORK["id"])

    assert tls_server.of("networking") != []
    assert "not verified" in caplog.text


def test_a_server_without_tls_is_not_trusted(server: CloudServer, with_password: Configure) -> None:
    with pytest.raises(CloudUnavailable, match="TLS failed"):
        connect(with_password(server.auth_url.replace("http:", "https:"))).networks.list()
