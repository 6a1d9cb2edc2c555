"""A page of another origin in a real browser reads every form and the headers that it needs."""

import html
import http.server
import json
import re
import shutil
import subprocess
import threading

import pytest

from harness import IS_SANITIZED, PATIENCE

pytestmark = pytest.mark.skipif(IS_SANITIZED, reason="the run without a sanitizer has it")


HEADERS = ["ETag", "Link", "X-Total-Count", "Content-Digest", "X-Request-Id"]
PATHS = ["/v1/missions?limit=2", "/v1/missions.json?limit=2", "/v1/missions.csv?limit=2", "/v1/missions.ndjson?limit=2", "/v1/missions.geojson?limit=2",
         "/v1/missions?limit=many", "/v1/missions/unfix", "/no/such/path"]
PAGE = """<!doctype html><title>waits</title><pre id=out></pre><script>
const ask = async ([path, options]) => {
    try {
        const answer = await fetch(BASE + path, options);
        const headers = Object.fromEntries(HEADERS.map(name => [name, answer.headers.get(name)]));
        return {status: answer.status, type: answer.headers.get("Content-Type"), headers, text: await answer.text()};
    } catch (failure) {
        return {failure: String(failure)};
    }
};
Promise.all(ASKS.map(ask)).then(answers => {
    document.getElementById("out").textContent = JSON.stringify(answers);
    document.title = "done";
});
</script>
"""


class Pages(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = self.server.page.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def browse(small, tmp_path_factory):
    """What a script on a page of another port gets to see: browse([(path, options of fetch)])."""
    program = shutil.which("chromium")
    assert program, "there is no chromium; scripts/install-packages test installs it"
    profile = tmp_path_factory.mktemp("chromium")
    pages = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    threading.Thread(target=pages.serve_forever, daemon=True).start()

    def run(asks):
        base = "http://{}:{}".format(*small.server.address)
        pages.page = PAGE.replace("BASE", json.dumps(base)).replace("HEADERS", json.dumps(HEADERS)).replace("ASKS", json.dumps(asks))
        done = subprocess.run(
            [program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", f"--user-data-dir={profile}",
             "--disable-background-networking", "--disable-component-update", "--virtual-time-budget=20000", "--dump-dom",
             f"http://127.0.0.1:{pages.server_port}/"], capture_output=True, text=True, timeout=120 * PATIENCE)
        assert "<title>done</title>" in done.stdout, done.stdout[-2000:] + done.stderr[-2000:]
        return json.loads(html.unescape(re.search(r'<pre id="out">(.*?)</pre>', done.stdout, re.S)[1]))

    yield run
    pages.shutdown()
    pages.server_close()


def test_a_page_of_another_origin_reads_every_form_and_its_headers(browse, small):
    for path, seen in zip(PATHS, browse([[path, {}] for path in PATHS])):
        assert "failure" not in seen, f"{path}: {seen}"
        plain = small.raw(path)
        assert seen["status"] == plain.status, path
        assert seen["type"] == plain.headers["Content-Type"], path
        assert seen["headers"]["X-Request-Id"], path
        for name in HEADERS[:-1]:
            if name != "Content-Digest":  # a coding may be on what the browser asked for
                right = seen["headers"][name] if name != "ETag" else re.sub(r'-(gzip|zstd)"$', '"', seen["headers"][name] or "") or None
                assert right == plain.headers[name], f"{path}: {name}"
        if plain.status == 200:
            assert seen["text"].encode() == plain.body, path
            assert seen["headers"]["ETag"], path
    seen = browse([[PATHS[0], {}]])[0]["headers"]
    assert 'rel="next"' in seen["Link"]
    assert int(seen["X-Total-Count"]) > 2
    assert seen["Content-Digest"].startswith("sha-256=:")


def test_a_request_with_a_header_of_its_own_passes_the_preflight(browse):
    seen = browse([["/v1/missions?limit=1", {"headers": {"X-Request-Id": "from-a-page", "X-Anything": "1"}}]])[0]
    assert "failure" not in seen, seen
    assert (seen["status"], seen["headers"]["X-Request-Id"]) == (200, "from-a-page")


def test_a_failure_can_be_read_by_the_page(browse):
    seen = browse([["/v1/missions?limit=many", {}]])[0]
    assert (seen["status"], seen["type"]) == (400, "application/problem+json")
    assert json.loads(seen["text"])["param"] == "limit"
