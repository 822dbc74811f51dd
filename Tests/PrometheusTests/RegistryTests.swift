import CoreMetrics
import Prometheus
import Testing

extension Family {
    fileprivate static let calls = counter("test_calls_total", "Calls,\nby \"who\" \\ what.", labels: ["who", "what"])
    fileprivate static let lines = counter("test_lines_total", "Lines.")
    fileprivate static let open = gauge("test_open", "What is open.")
    fileprivate static let seconds = histogram("test_seconds", "Times.", labels: ["who"], bounds: [0.1, 2])
    fileprivate static let sizes = histogram("test_sizes", "Sizes.", bounds: [1, 2])
}

@Suite struct RegistryTests {
    @Test func `a page has families by name, series by label, and every escape`() {
        let registry = Registry()
        Counter(.calls, ["b", "x"], in: registry).increment()
        Counter(.calls, ["a", "q\"\\\nü"], in: registry).increment(by: 2)
        Counter(.lines, in: registry).increment(by: 0)
        Meter(.open, in: registry).set(2)
        let seconds = Recorder(.seconds, ["a"], in: registry)
        for value in [0.05, 0.1, 0.11, 2, 3] { seconds.record(value) }
        #expect(
            registry.text() == """
                # HELP test_calls_total Calls,\\nby "who" \\\\ what.
                # TYPE test_calls_total counter
                test_calls_total{who="a",what="q\\"\\\\\\nü"} 2
                test_calls_total{who="b",what="x"} 1
                # HELP test_lines_total Lines.
                # TYPE test_lines_total counter
                test_lines_total 0
                # HELP test_open What is open.
                # TYPE test_open gauge
                test_open 2.0
                # HELP test_seconds Times.
                # TYPE test_seconds histogram
                test_seconds_bucket{who="a",le="0.1"} 2
                test_seconds_bucket{who="a",le="2.0"} 4
                test_seconds_bucket{who="a",le="+Inf"} 5
                test_seconds_sum{who="a"} 5.26
                test_seconds_count{who="a"} 5

                """)
    }

    @Test func `series with labels are shown once something happened, those without always`() {
        let registry = Registry()
        let call = Counter(.calls, ["a", "b"], in: registry)
        let time = Recorder(.seconds, ["a"], in: registry)
        _ = Recorder(.sizes, in: registry)
        #expect(!registry.text().contains("test_calls_total"))
        #expect(!registry.text().contains("test_seconds"))
        #expect(registry.text().contains("test_sizes_bucket{le=\"+Inf\"} 0\ntest_sizes_sum 0.0\ntest_sizes_count 0\n"))
        call.increment()
        time.record(0)
        #expect(registry.text().contains("test_calls_total{who=\"a\",what=\"b\"} 1\n"))
        #expect(registry.text().contains("test_seconds_count{who=\"a\"} 1\n"))
    }

    @Test func `a handle that is made again counts on, and a removed one loses nothing`() {
        let registry = Registry()
        let first = Counter(.lines, in: registry)
        first.increment()
        first.destroy()
        Counter(.lines, in: registry).increment()
        #expect(registry.text().contains("test_lines_total 2\n"))
    }

    @Test func `a gauge rises and falls, and numbers that are none are written as Prometheus reads them`() {
        let registry = Registry()
        let open = Meter(.open, in: registry)
        open.increment()
        open.increment(by: 2.5)
        open.decrement()
        #expect(registry.text().contains("test_open 2.5\n"))
        for (value, text) in [(Double.infinity, "+Inf"), (-.infinity, "-Inf"), (.nan, "NaN")] {
            open.set(value)
            #expect(registry.text().contains("test_open \(text)\n"))
        }
        Recorder(.sizes, in: registry).record(Double.nan)
        #expect(registry.text().contains("test_sizes_count 0\n"))
    }

    @Test func `what is read is asked for with each page, and left out where it is not known`() {
        let registry = Registry()
        let open = Meter(.open, in: Registry())
        registry.read(.open) { 7 }
        registry.read(.calls, ["a", "b"]) { nil }
        #expect(registry.text() == "# HELP test_open What is open.\n# TYPE test_open gauge\ntest_open 7.0\n")
        open.set(1)
        #expect(registry.text().contains("test_open 7.0\n"))
    }

    @Test func `what nobody declared, or declared otherwise, is not kept`() {
        let registry = Registry()
        _ = Counter(.calls, ["a", "b"], in: registry)
        _ = Recorder(.seconds, ["a"], in: registry)
        Counter(label: "made_up", factory: registry).increment()
        Counter(label: "test_calls_total", factory: registry).increment()
        Counter(label: "test_calls_total", dimensions: [("what", "a"), ("who", "b")], factory: registry).increment()
        Meter(label: "test_calls_total", dimensions: [("who", "a"), ("what", "b")], factory: registry).set(5)
        Timer(label: "test_calls_total", dimensions: [("who", "a"), ("what", "b")], factory: registry).recordNanoseconds(5)
        #expect(registry.text().isEmpty)
        Timer(label: "test_seconds", dimensions: [("who", "a")], factory: registry).recordMilliseconds(1500)
        #expect(registry.text().contains("test_seconds_sum{who=\"a\"} 1.5\n"))
    }

    @Test func `a family with endless labels is cut off`() {
        let registry = Registry()
        for number in 0..<5000 { Counter(.calls, ["\(number)", "x"], in: registry).increment() }
        #expect(registry.text().split(separator: "\n").count == 2002)
    }

    @Test func `nothing is lost where many count at once`() async {
        let registry = Registry()
        await withDiscardingTaskGroup { group in
            for _ in 0..<8 {
                group.addTask {
                    let lines = Counter(.lines, in: registry)
                    let open = Meter(.open, in: registry)
                    let sizes = Recorder(.sizes, in: registry)
                    for number in 0..<1000 {
                        lines.increment()
                        open.increment(by: 2)
                        open.decrement()
                        sizes.record(number % 2 == 0 ? 1 : 3)
                    }
                }
            }
        }
        let text = registry.text()
        #expect(text.contains("test_lines_total 8000\n"))
        #expect(text.contains("test_open 8000.0\n"))
        #expect(text.contains("test_sizes_bucket{le=\"2.0\"} 4000\ntest_sizes_bucket{le=\"+Inf\"} 8000\ntest_sizes_sum 16000.0\n"))
    }

    @Test func `the process is told by Prometheus' names`() throws {
        let registry = Registry()
        registry.readProcess()
        func figure(_ name: String) throws -> Double {
            let line = try #require(registry.text().split(separator: "\n").first { $0.hasPrefix("\(name) ") })
            return try #require(Double(line.dropFirst(name.count + 1)))
        }
        #expect(try figure("process_resident_memory_bytes") > 1e6)
        #expect(try figure("process_virtual_memory_bytes") >= figure("process_resident_memory_bytes"))
        #expect(try figure("process_max_fds") > figure("process_open_fds"))
        #expect(try figure("process_open_fds") > 2)
        #expect(try figure("process_start_time_seconds") > 1.7e9)
        let before = try figure("process_cpu_seconds_total")
        // A tick of the system's counter is ten milliseconds.
        let start = ContinuousClock.now
        var sum = 0
        while try figure("process_cpu_seconds_total") == before, ContinuousClock.now - start < .seconds(30) {
            for number in 0..<100_000 { sum &+= number }
        }
        #expect(try figure("process_cpu_seconds_total") > before, "\(sum)")
    }
}
