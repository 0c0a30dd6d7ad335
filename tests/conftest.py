"""What every test gets, without asking: a home of its own, and no settings from the machine that it runs on."""

import os
from pathlib import Path

import hypothesis
import pytest

# A slow machine is no failing property; pytest-timeout bounds the whole test.
hypothesis.settings.register_profile("sos", deadline=None, print_blob=True)
hypothesis.settings.load_profile("sos")


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Point HOME and SOS_HOME at fresh private directories, and forget every SOS_* and CLAUDE* variable.

    Child processes inherit all of it. `SOS_HOME` is `.sos` in the home, the place that a user has without the variable.
    """
    for name in list(os.environ):
        if name.startswith(("SOS_", "CLAUDE")):
            monkeypatch.delenv(name)
    # Not tmp_path itself: a test may count what is in there.
    fresh = tmp_path_factory.mktemp("home")
    sos_home = fresh / ".sos"
    sos_home.mkdir(mode=0o700)
    monkeypatch.setenv("HOME", str(fresh))
    monkeypatch.setenv("SOS_HOME", str(sos_home))
    return fresh
