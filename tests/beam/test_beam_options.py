"""Runners and options, in the words of fgtl and not in Beam's."""

import pytest

from fgtl.data.beam.options import check_runner, empty_pipeline
from fgtl.data.plan import ConvertKnobs
from fgtl.errors import UsageError

pytest.importorskip("apache_beam", reason="no Apache Beam here: ./scripts/test_beam.sh makes an environment with it")


def options(runner, text):
    return ConvertKnobs(runner=runner, runner_options=text)


@pytest.mark.parametrize(
    ("runner", "text", "message"),
    [
        ("FlinkRuner", "", "(?s)--runner=FlinkRuner is not known to Apache Beam.*Did you mean 'FlinkRunner'"),
        ("no_such_module.Runner", "", "--runner=no_such_module.Runner fails: No module named 'no_such_module'"),
        ("os.no_such_name", "", "--runner=os.no_such_name fails"),
        ("os.getcwd", "", "--runner=os.getcwd is no Beam runner"),
        ("DirectRunner", "--direct_num_workers=many", "--direct_num_workers: invalid int value: 'many'"),
        ("DirectRunner", "--direct_num_worker=2", "(?s)no option --direct_num_worker.*'direct_num_workers'"),
        ("DirectRunner", "--runner=FlinkRunner", "names a runner too"),
        ("DirectRunner", "--direct_num_workers=2 4", "'4' belongs to no option"),
        ("FlinkRunner", "parallelism=4", "'parallelism=4' belongs to no option"),
        ("FlinkRunner", "--flink_master 'localhost", "(?s)cannot be split into words.*quotation mark"),
        ("FlinkRunner", "@no_such_file", "@no_such_file: No such file"),
    ],
)
def test_what_cannot_be_meant_is_refused(runner, text, message, tmp_path, capfd):
    with pytest.raises(UsageError, match=message):
        check_runner(options(runner, text), tmp_path)
    assert capfd.readouterr().err == ""


def test_options_that_a_runner_must_have_are_asked_for(tmp_path):
    # With Google's packages it asks for a project; without them, for the packages.
    with pytest.raises(UsageError, match="(?i)--runner=DataflowRunner .*(missing required option|apache_beam.gcp)"):
        check_runner(options("DataflowRunner", ""), tmp_path)


@pytest.mark.parametrize(
    ("runner", "text"),
    [
        ("DirectRunner", ""),
        ("direct", "--direct_num_workers 2 --direct_running_mode=multi_threading"),
        ("FlinkRunner", "--flink_master=host:8081 --parallelism=64"),
        ("FlinkRunner", "--known_to_the_job_server_only=1"),
        ("PortableRunner", "--job_endpoint=localhost:8099 --job_name='iNat 2021'"),
        ("apache_beam.runners.portability.flink_runner.FlinkRunner", ""),
    ],
)
def test_what_can_be_meant_is_taken(runner, text, tmp_path):
    check_runner(options(runner, text), tmp_path)


def test_the_direct_runner_works_here_and_fetches_nothing_from_the_network():
    # Beam's own would first try to download and start Prism.
    for name in ("DirectRunner", "direct"):
        assert type(empty_pipeline(options(name, "")).runner).__name__ == "FnApiRunner"


def test_options_come_from_a_file_with_comments(tmp_path):
    file = tmp_path / "flink.options"
    file.write_text("# our cluster\n--flink_master=host:8081\n--parallelism=lots  # of them\n")
    with pytest.raises(UsageError, match="--parallelism: invalid int value: 'lots'"):
        check_runner(options("FlinkRunner", f"@{file}"), tmp_path)
    file.write_text("# our cluster\n--flink_master=host:8081\n--parallelism=64  # of them\n")
    check_runner(options("FlinkRunner", f"@{file}"), tmp_path)
