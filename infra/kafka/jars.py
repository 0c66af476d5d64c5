"""Nothing goes in; Java, and the jars that a Kafka broker runs on, come out: fetched once by Maven.

`pom.xml` names what is fetched, with versions. The jars lie under the user's cache, in a directory
that is named after the content of that file: another version never meets the jars of this one.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from infra.kafka.errors import BrokerError

POM = Path(__file__).with_name("pom.xml")
OLDEST_JAVA = 17
_MAVEN_S = 600.0
_TAIL = 600


def java() -> str:
    """The Java to run the broker with.

    Raises:
        BrokerError: there is none, or it is too old.
    """
    home = os.environ.get("JAVA_HOME")
    found = shutil.which("java", path=str(Path(home) / "bin")) if home else shutil.which("java")
    if found is None:
        where = f"JAVA_HOME is {home}, and there is none" if home else "it is not on the path"
        msg = (
            f"the broker needs Java {OLDEST_JAVA} or later, but {where}: install "
            f"openjdk-{OLDEST_JAVA}-jre-headless, or name another broker with --kafka"
        )
        raise BrokerError(msg)
    said = subprocess.run([found, "-version"], capture_output=True, text=True, check=False).stderr
    version = re.search(r'version "(\d+)', said)
    if version is None or int(version[1]) < OLDEST_JAVA:
        what = f"Java {version[1]}" if version else "no Java that says its version"
        msg = (
            f"{found} is {what}, and the broker needs {OLDEST_JAVA} or later: set JAVA_HOME to one"
        )
        raise BrokerError(msg)
    return found


def jars() -> Path:
    """The directory of the jars; fetched if this machine does not have them.

    Raises:
        BrokerError: Maven is not there, or cannot fetch them.
    """
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "goldpan"
    directory = home / f"kafka-{hashlib.sha256(POM.read_bytes()).hexdigest()[:12]}"
    if not directory.is_dir():
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=home, prefix=".kafka-") as fetched:
            _fetch(Path(fetched) / "jars")
            try:
                (Path(fetched) / "jars").rename(directory)
            except OSError:
                if not directory.is_dir():  # or somebody else was faster: theirs are as good
                    raise
    return directory


def _fetch(directory: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        msg = (
            "the broker's jars are fetched by Maven, and mvn is not on the path: install maven, or "
            "name another broker with --kafka"
        )
        raise BrokerError(msg)
    command = [
        maven, "--batch-mode", "--quiet", "--strict-checksums", "--file", str(POM),
        "dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={directory}",
    ]  # fmt: skip
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=_MAVEN_S
        )
    except subprocess.TimeoutExpired as error:
        msg = f"Maven did not fetch the broker's jars within {_MAVEN_S:.0f} s: try again"
        raise BrokerError(msg) from error
    if done.returncode or not any(directory.glob("kafka_*.jar")):
        tail = (done.stdout + done.stderr).strip()[:_TAIL]
        msg = f"Maven could not fetch the broker's jars (is there a network?); it says:\n{tail}"
        raise BrokerError(msg)
