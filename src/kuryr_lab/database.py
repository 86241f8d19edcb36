"""MariaDB on the control node, unpacked from a template that was filled once.

Schemas, users and the service catalogue take half a minute to make and are the same for every lab; so they are made
once, and each `up` starts from a copy. Neutron cannot use SQLite here: ML2/OVN opens a second connection while the
first holds its transaction.
"""

from kuryr_lab.node import Daemon, Node

SOCKET = "/run/mysqld/mysqld.sock"
DATABASES = ("keystone", "neutron")


def url(database: str) -> str:
    """What SQLAlchemy connects to."""
    return f"mysql+pymysql://root@localhost/{database}?charset=utf8mb4&unix_socket={SOCKET}"


def initialise(control: Node) -> None:
    """Make an empty data directory."""
    control.run(
        [
            "mariadb-install-db",
            "--no-defaults",
            "--user=root",
            f"--datadir={control.directory / 'mysql'}",
            "--skip-test-db",
            "--auth-root-authentication-method=normal",
            f"--innodb-log-file-size={_REDO_LOG}",
        ]
    )


def start_mariadb(control: Node) -> Daemon:
    """Start the server on the node's data directory."""
    (control.run_directory / "mysqld").mkdir()

    def ready() -> bool:
        return control.run([*_client("mariadb-admin"), "ping"], check=False).returncode == 0

    return control.daemon(
        "mariadb",
        [
            "mariadbd",
            "--no-defaults",
            "--user=root",
            f"--datadir={control.directory / 'mysql'}",
            f"--socket={SOCKET}",
            "--skip-networking",
            "--skip-name-resolve",
            "--max-connections=500",
            "--innodb-buffer-pool-size=256M",
            f"--innodb-log-file-size={_REDO_LOG}",
            # Flush once a second instead of at each commit: the lab survives no power cut anyway.
            "--innodb-flush-log-at-trx-commit=2",
        ],
        ready=ready,
    )


def query(control: Node, statement: str) -> str:
    """Run one SQL statement and return its rows, tab-separated."""
    return control.run([*_client("mariadb"), "--batch", "--skip-column-names", "-e", statement]).stdout


_REDO_LOG = "16M"  # small, as it is part of every copy of the template


def _client(program: str) -> list[str]:
    return [program, "--no-defaults", f"--socket={SOCKET}", "-u", "root"]
