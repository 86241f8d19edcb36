"""Neither passwords nor tokens get into errors or logs, not even those that stand in a URL."""

import logging
import traceback

import pytest

from kuryr.errors import KuryrError
from kuryr.neutron.session import connect
from unit.neutron.cloudserver import PASSWORD, TOKEN_PREFIX, CloudServer
from unit.neutron.conftest import Configure


def test_a_password_in_a_url_is_not_in_the_message(server: CloudServer, with_password: Configure) -> None:
    conf = with_password(server.auth_url, endpoint_override="http://user:url-secret@127.0.0.1:1/")

    with pytest.raises(KuryrError, match=r"127\.0\.0\.1:1") as caught:
        connect(conf).networks.list()
    assert "url-secret" not in str(caught.value)


def test_secrets_are_in_no_message_and_no_log(
    server: CloudServer, with_password: Configure, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server.expired.add(f"{TOKEN_PREFIX}1")
    neutron = connect(with_password(server.auth_url))
    neutron.networks.list(name="n")
    server.expired |= {f"{TOKEN_PREFIX}{number}" for number in range(9)}
    with pytest.raises(KuryrError) as caught:
        neutron.networks.create(name="n", description="d")

    written = caplog.text + "".join(traceback.format_exception(caught.value))
    assert "method=GET resource=networks status=200" in written
    assert PASSWORD not in written
    assert TOKEN_PREFIX not in written


def test_a_call_is_one_line_in_the_log(
    server: CloudServer, with_password: Configure, caplog: pytest.LogCaptureFixture
) -> None:
    neutron = connect(with_password(server.auth_url))
    neutron.networks.list(name="n")
    caplog.set_level(logging.DEBUG)
    caplog.clear()

    neutron.networks.list(name="n")

    (line,) = [record.getMessage() for record in caplog.records if not record.name.startswith("urllib3")]
    assert line.startswith("neutron method=GET resource=networks status=200 seconds=0.")
    assert " request_id=req-" in line
