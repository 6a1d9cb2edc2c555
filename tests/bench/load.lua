-- What wrk asks and says: `wrk -s load.lua URL [-- FILE]`. FILE holds targets, one a line, which are asked in turn, in the
-- order of the file; without it the URL alone is asked. Says at the end, as JSON, what came of it; times are microseconds.

function init(args)
    if args[1] == nil then
        return
    end
    local requests, at = {}, 0
    for target in io.lines(args[1]) do
        requests[#requests + 1] = wrk.format("GET", target)
    end
    function request()
        at = at % #requests + 1
        return requests[at]
    end
end

function done(summary, latency, requests)
    local errors = summary.errors
    io.write(string.format('\n{"requests":%d,"bytes":%d,"duration":%d,"errors":%d,"refused":%d,"p50":%d,"p99":%d}\n', summary.requests,
        summary.bytes, summary.duration, errors.connect + errors.read + errors.write + errors.timeout, errors.status,
        latency:percentile(50), latency:percentile(99)))
end
