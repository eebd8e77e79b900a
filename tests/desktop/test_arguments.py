"""What the app says about arguments that it does not know."""

import pytest

from condseg_app.desktop.main import main


def test_an_unknown_argument_is_a_sentence_and_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--nonsense"])
    assert ended.value.code == 2
    assert capsys.readouterr().err == "condseg: unrecognized arguments: --nonsense; see condseg app --help\n"
