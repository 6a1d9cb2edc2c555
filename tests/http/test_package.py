"""What is installed beside the program: the manual pages, the completions, the example of settings and the dataset say what the program does."""

import os
import pty
import re
import select
import shutil
import subprocess
import time

import pytest

from harness import IS_SANITIZED, PATIENCE, PROGRAM, ROOT, run

pytestmark = pytest.mark.skipif(IS_SANITIZED, reason="the run without a sanitizer has it")
BUILD = PROGRAM.parent
FILES = {
    "bin/bluehelm",
    "share/bluehelm/bluehelm.db",
    "share/man/man1/bluehelm.1",
    "share/man/man5/bluehelm.conf.5",
    "share/bash-completion/completions/bluehelm",
    "share/zsh/site-functions/_bluehelm",
    "share/fish/vendor_completions.d/bluehelm.fish",
    "share/doc/bluehelm/README.md",
    "share/doc/bluehelm/examples/bluehelm.conf",
}


def said(*command, **more):
    return subprocess.run([*map(str, command)], capture_output=True, text=True, check=True, timeout=60 * PATIENCE, **more).stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Where `meson install` put it all, as the root of the file system, and the prefix in it."""
    if not (BUILD / "build.ninja").exists():
        pytest.skip(f"{BUILD} is no build to install")
    place = tmp_path_factory.mktemp("installed")
    said("/usr/bin/meson", "install", "-C", BUILD, "--no-rebuild", "--destdir", place)
    return place, next(place.rglob("bin/bluehelm")).parents[1]


def file_of(installed, end):
    return installed[1] / next(name for name in FILES if name.endswith(end))


COMMANDS = re.findall(r"^  ([a-z]+) ", run("help").stdout, re.M) if not IS_SANITIZED else []


def options_of(command):
    """The names of the options of a command as its help has them, with --help."""
    # `bluehelm help help` is the help of the program, which has no list of options.
    return ["help"] if command == "help" else re.findall(r"^  (?:-\w, |    )--([a-z-]+)", run("help", command).stdout, re.M)


def settings():
    """The names that a file of settings may hold: those that have a variable, but for the file itself."""
    names = {re.sub("_", "-", name.lower()) for command in COMMANDS for name in re.findall(r"BLUEHELM_(\w+)\]", run("help", command).stdout)}
    return names - {"config"}


def test_the_help_is_understood_here():
    assert {"serve", "import", "help"} <= set(COMMANDS)
    assert {"listen", "quiet", "help"} <= set(options_of("serve"))
    assert {"listen", "dataset", "quiet"} <= settings()


def test_installs_these_files_and_no_others(installed):
    place, prefix = installed
    found = {str(file.relative_to(prefix)) for file in prefix.rglob("*") if file.is_file()}
    contrib = {f"share/doc/bluehelm/{name}" for name in said("git", "ls-files", "contrib", cwd=ROOT).split() if "systemd/" not in name}
    assert found == FILES | contrib
    # Units have a place of their own, which need not be below the prefix.
    beside = [file for file in place.rglob("*") if file.is_file() and prefix not in file.parents]
    assert {file.suffix for file in beside} <= {".service", ".socket"}


def test_the_installed_program_finds_its_dataset_by_the_installed_settings(installed):
    place, prefix = installed
    conf = file_of(installed, "/bluehelm.conf").read_text()
    named = re.search(r"^dataset = (/.*)$", conf, re.M)[1]
    assert place / named[1:] == file_of(installed, "/bluehelm.db")
    assert said(prefix / "bin" / "bluehelm", "check", place / named[1:]).endswith("no fault\n")


def test_the_dataset_is_what_the_program_builds(installed, tmp_path):
    said(PROGRAM, "build", "--output", tmp_path / "again.db", ROOT / "db" / "dataset")
    assert (tmp_path / "again.db").read_bytes() == file_of(installed, "/bluehelm.db").read_bytes()


# Manual pages.

def rendered(page):
    return re.sub(".\b", "", said("mandoc", "-T", "ascii", "-O", "width=200", page, env={**os.environ, "MANPATH": "/nonexistent"}))


@pytest.mark.parametrize("page", ["/bluehelm.1", "/bluehelm.conf.5"])
def test_mandoc_has_nothing_to_say(installed, page):
    done = subprocess.run(["mandoc", "-T", "lint", "-W", "style", file_of(installed, page)], capture_output=True, text=True)
    # Pages of other programs need not be on this machine.
    assert [line for line in done.stdout.splitlines() if "referenced manual not found" not in line] == []
    assert f".Dt {page[1:].rpartition('.')[0].upper()} " in file_of(installed, page).read_text()


def test_the_page_has_every_command_and_option(installed):
    page = rendered(file_of(installed, "/bluehelm.1"))
    for command in COMMANDS:
        assert re.search(rf"^     bluehelm {command}\b", page, re.M), f"{command} is not in the synopsis"
        item = re.search(rf"^     {command}\b.*?\n(?:        .*\n|\n)+", page, re.M)
        for option in options_of(command):
            assert re.search(rf"^     (?:-\w, )?--{option}\b|[ ,]--{option}[,.]? ", page, re.M), f"--{option} has no item"
            assert option == "help" or re.search(rf"--{option}[,.]\s", item[0]), f"--{option} is not said to be of {command}"
    for kind in re.findall(r"^  ([a-z-]+) ", run("help", "import").stdout.split("Kinds of files:")[1], re.M):
        assert re.search(rf"^     {kind}\b", page, re.M), f"{kind} is not said to be a kind"


def test_the_page_tells_defaults_limits_and_variables(installed):
    page = rendered(file_of(installed, "/bluehelm.1"))
    item = re.search(r"^     --idle-timeout N\n((?:        .*\n)+)", page, re.M)[1]
    assert "Default: 15. From 1 to 3600 seconds. Environment: BLUEHELM_IDLE_TIMEOUT. Of serve." in re.sub(r"\s+", " ", item)


def test_the_page_of_settings_has_each_of_them(installed):
    names = set(re.findall(r"^     ([a-z-]+) = ", rendered(file_of(installed, "/bluehelm.conf.5")).split("SETTINGS")[1].split("FILES")[0], re.M))
    assert names == settings()


# The example of settings.

def answer_with(conf):
    return run("get", "--config", conf, "--dataset", BUILD / "package" / "bluehelm.db", "/v1/missions/minusma")


def test_the_program_reads_the_example(installed):
    done = answer_with(file_of(installed, "/bluehelm.conf"))
    assert (done.returncode, done.stderr) == (0, "")


def test_every_default_of_the_example_is_right(installed, tmp_path):
    text = file_of(installed, "/bluehelm.conf").read_text()
    assert set(re.findall(r"^#?([a-z-]+) =", text, re.M)) == settings()
    # As comments they change nothing; as settings they are read.
    (tmp_path / "all.conf").write_text(re.sub(r"^#([a-z-]+ = )", r"\1", text, flags=re.M))
    done = answer_with(tmp_path / "all.conf")
    assert (done.returncode, done.stderr) == (0, "")
    (tmp_path / "wrong.conf").write_text(text + "no-such-setting = 1\n")
    assert answer_with(tmp_path / "wrong.conf").returncode == 2


# Completions: CASES are what stands before the cursor, and words that must be offered (or must not, with "!").

CASES = [
    ("bluehelm ", ["serve", "import", "help", "!--listen"]),
    ("bluehelm ser", ["serve", "!import"]),
    ("bluehelm serve --conn", ["--connections", "--connection-memory", "!--listen"]),
    ("bluehelm build --", ["--output", "--help", "!--listen"]),
    ("bluehelm serve --log-level ", ["debug", "warning", "!--listen"]),
    ("bluehelm serve --quiet --log-level w", ["warning", "!debug"]),
    ("bluehelm import ", ["un-fatalities", "claims", "!README.md"]),
    ("bluehelm import --into x --strict cl", ["claims", "!un-fatalities"]),
    ("bluehelm import claims READ", ["README.md", "!claims"]),
    ("bluehelm import claims a.csv READ", ["README.md"]),
    ("bluehelm serve --dataset READ", ["README.md"]),
    ("bluehelm check READ", ["README.md"]),
    ("bluehelm export missions", ["missions.csv", "missions.ndjson", "!facts.csv"]),
    ("bluehelm export missions.csv data", ["datapackage.json"]),
    ("bluehelm get /v1/mis", ["/v1/missions", "!/v1/facts"]),
    ("bluehelm help im", ["import", "!serve"]),
]

BASH = r"""
source "$1"; shift
line=$1; words=(${line//=/ = })
[[ $line != *' ' ]] || words+=('')
COMP_WORDS=("${words[@]}") COMP_CWORD=$((${#words[@]} - 1))
_bluehelm
printf '%s\n' "${COMPREPLY[@]}"
"""


def bash(installed, line):
    return said("bash", "--norc", "-c", BASH, "bash", file_of(installed, "completions/bluehelm"), line, cwd=ROOT).split()


def fish(installed, line):
    if not shutil.which("fish"):
        pytest.skip("there is no fish here")
    text = said("fish", "--no-config", "-c", 'source $argv[1]; complete -C $argv[2]', file_of(installed, ".fish"), line, cwd=ROOT)
    return [offer.split("\t")[0] for offer in text.splitlines()]


@pytest.mark.parametrize("line, words", [*CASES, ("bluehelm serve --log-level=", ["debug", "error"]), ("bluehelm build --output=READ", ["README.md"])])
def test_bash_offers(installed, line, words):
    offered = bash(installed, line)
    for word in words:
        assert (word.lstrip("!") in offered) == (word[0] != "!"), f"{word}: {offered}"


@pytest.mark.parametrize("line, words", CASES)
def test_fish_offers(installed, line, words):
    offered = fish(installed, line)
    for word in words:
        assert (word.lstrip("!") in offered) == (word[0] != "!"), f"{word}: {offered}"


@pytest.mark.parametrize("offers", [bash, fish])
def test_every_command_and_option_is_offered(installed, offers):
    assert set(COMMANDS) <= set(offers(installed, "bluehelm "))
    for command in COMMANDS:
        assert sorted(set(offers(installed, f"bluehelm {command} --"))) == sorted(f"--{option}" for option in options_of(command))


def test_every_path_that_is_offered_is_there(installed):
    for path in bash(installed, "bluehelm get /"):
        head = run("get", "--quiet", "--head", "--dataset", BUILD / "package" / "bluehelm.db", path).stdout.split("\r\n")[0]
        assert " 200 " in head or " 400 " in head, f"{path}: {head}"


class Zsh:
    """A shell at a terminal, as a person has it."""

    def __init__(self, folder):
        self.text = ""
        self.process, self.terminal = pty.fork()
        if self.process == 0:
            os.environ.update(TERM="vt100", PS1="> ", COLUMNS="200")
            os.chdir(ROOT)
            os.execvp("zsh", ["zsh", "-f", "-i"])
        self.type(f"bindkey -e; fpath=({folder} $fpath); autoload -Uz compinit; compinit -u -D; print rea''dy\r")
        self.wait(r"ready\r\n")

    def type(self, text):
        os.write(self.terminal, text.encode())

    def wait(self, pattern):
        """Reads until what came since the last time has the pattern; gives the match."""
        end = time.monotonic() + 30 * PATIENCE
        while not (found := re.search(pattern, self.text)):
            left = end - time.monotonic()
            assert left > 0 and select.select([self.terminal], [], [], left)[0], f"no {pattern} in {self.text!r}"
            self.text += os.read(self.terminal, 65536).decode(errors="replace")
        self.text = self.text[found.end():]
        return found

    def completed(self, line):
        """The line as the tabulator key leaves it; Ctrl-A, Ctrl-E make it the text of a command that prints it."""
        self.type(f"{line}\t\x01print -r -- '<\x05>'\r")
        return self.wait(r"\n<([^\r\n]*?) ?>\r")[1]

    def close(self):
        os.close(self.terminal)
        os.waitpid(self.process, 0)


def test_zsh_completes(installed):
    if not shutil.which("zsh"):
        pytest.skip("there is no zsh here")
    zsh = Zsh(file_of(installed, "_bluehelm").parent)
    try:
        for line, whole in [
            ("bluehelm ser", "bluehelm serve"),
            ("bluehelm serve --lis", "bluehelm serve --listen"),
            ("bluehelm serve --log-level w", "bluehelm serve --log-level warning"),
            ("bluehelm import --str", "bluehelm import --strict"),
            ("bluehelm import cla", "bluehelm import claims"),
            ("bluehelm import claims READ", "bluehelm import claims README.md"),
            ("bluehelm export datap", "bluehelm export datapackage.json"),
            ("bluehelm get /v1/missi", "bluehelm get /v1/missions"),
            ("bluehelm help impo", "bluehelm help import"),
        ]:
            assert zsh.completed(line) == whole
    finally:
        zsh.close()


def test_zsh_has_every_command_and_option(installed):
    text = file_of(installed, "_bluehelm").read_text()
    for command in COMMANDS:
        assert f"        '{command}:" in text
        branch = re.search(rf"^    {command}\)\n(.*?)^        ;;", text, re.M | re.S)[1]
        assert sorted(re.findall(r"[ ,]'?--([a-z-]+)[+=]*(?:\[|\}'\[)", branch)) == sorted(options_of(command))


# The program that fills the lists in.

def test_a_template_that_asks_for_no_list_is_refused(tmp_path):
    filler = BUILD / "package" / "bluehelm-manual"
    (tmp_path / "page").write_text("a\n@no-such-list@\n")
    done = subprocess.run([filler, tmp_path / "page"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (1, "bluehelm-manual: There is no list @no-such-list@\n")
    done = subprocess.run([filler, tmp_path / "none"], capture_output=True, text=True)
    assert done.returncode == 1 and "No such file" in done.stderr


# Debian's packages and the container; scripts/package makes the packages and has lintian look at them.

def test_debian_builds_with_what_the_scripts_install():
    control = (ROOT / "debian" / "control").read_text()
    depends = set(re.findall(r"^(?:Build-Depends:)? +([a-z0-9.+-]+)", control.split("\n\n")[0].split("Standards-Version")[0], re.M))
    wanted = {line.split()[1] for line in (ROOT / "scripts" / "packages").read_text().splitlines() if line.startswith("build ")}
    # These come with debhelper and meson.
    assert wanted - depends <= {"gcc", "libc6-dev", "ninja-build", "ca-certificates"}


def test_debian_packages_this_version():
    version = re.search(r"^  version: '(.*)',$", (ROOT / "meson.build").read_text(), re.M)[1]
    assert (ROOT / "debian" / "changelog").read_text().startswith(f"bluehelm ({version}) ")
    assert run("version").stdout.startswith(f"bluehelm {version}\n")
