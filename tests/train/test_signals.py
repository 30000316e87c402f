import signal

import pytest

from sftctl.train.signals import SIGNALS, stop_on_signal


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_is_acknowledged_at_once_and_only_raises_the_flag(number, capfd):
    former = signal.getsignal(number)
    with stop_on_signal() as stop:
        assert not stop
        signal.raise_signal(number)
        assert stop
    assert capfd.readouterr().err == f"{number.name}: the step or the save in hand is finished first\n"
    assert signal.getsignal(number) is former


def test_a_lost_terminal_does_not_stop_what_nohup_started(capfd):
    former = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stop_on_signal() as stop:
            signal.raise_signal(signal.SIGHUP)
            assert not stop
        assert capfd.readouterr().err == ""
    finally:
        signal.signal(signal.SIGHUP, former)
