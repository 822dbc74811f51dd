-- Plays prepared requests: each thread its own file of them, PREFIX.1 for the first thread and so on.
--
--   wrk ... -s play.lua URL -- PREFIX once|again
--
-- A file holds whole HTTP requests, each followed by a zero byte. `again` starts over at the end; `once` stops there and says so, since the
-- answer to a repeated create means nothing. The last line of the output is a JSON object with what was counted.

local ffi = require("ffi")
ffi.cdef [[
    typedef struct { long seconds; long nanoseconds; } bench_timespec;
    int clock_gettime(int clock, bench_timespec *time);
]]

local CLOCK_MONOTONIC = 1
local threads = {}

function setup(thread)
    threads[#threads + 1] = thread
    thread:set("number", #threads)
end

function init(arguments)
    local file = assert(io.open(arguments[1] .. "." .. number, "rb"))
    local text = file:read("*a")
    file:close()
    requests = {}
    for request in text:gmatch("[^%z]+") do
        requests[#requests + 1] = request
    end
    again = arguments[2] == "again"
    place = 0
    ran_out = 0
end

function request()
    if place == #requests then
        if again then
            place = 0
        else
            ran_out = 1
            wrk.thread:stop()
            return "GET /live HTTP/1.1\r\nHost: localhost\r\n\r\n"
        end
    end
    place = place + 1
    return requests[place]
end

function done(summary, latency, _)
    local now = ffi.new("bench_timespec")
    ffi.C.clock_gettime(CLOCK_MONOTONIC, now)
    local out = 0
    for _, thread in ipairs(threads) do
        out = out + thread:get("ran_out")
    end
    local errors = summary.errors
    print(string.format(
        '{"requests":%d,"microseconds":%d,"ended":%.6f,"p50":%.1f,"p99":%.1f,"refused":%d,"broken":%d,"ran_out":%d}',
        summary.requests, summary.duration, tonumber(now.seconds) + tonumber(now.nanoseconds) / 1e9,
        latency:percentile(50), latency:percentile(99), errors.status,
        errors.connect + errors.read + errors.write + errors.timeout, out))
end
