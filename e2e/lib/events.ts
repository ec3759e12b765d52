import type { Reporter, TestCase, TestModule } from "vitest/node";

// Events writes what go test -json writes, so that one tally counts all tests.
export default class Events implements Reporter {
  private say(event: object) {
    process.stdout.write(JSON.stringify(event) + "\n");
  }

  // What a test measured is shown as it is.
  onUserConsoleLog(log: { content: string }) {
    process.stdout.write(log.content);
  }

  onTestCaseResult(test: TestCase) {
    const result = test.result();
    const event = { Package: name(test.module), Test: test.fullName };
    for (const error of result.errors ?? []) {
      this.say({ Action: "output", ...event, Output: `--- FAIL: ${test.fullName}\n${error.stack ?? error.message}\n${error.diff ?? ""}\n` });
    }
    const verdicts = { passed: "pass", failed: "fail", skipped: "skip", pending: "fail" } as const;
    this.say({ Action: verdicts[result.state], ...event });
  }

  onTestModuleEnd(module: TestModule) {
    const event = { Package: name(module) };
    for (const error of module.errors()) this.say({ Action: "output", ...event, Output: `${error.stack ?? error.message}\n` });
    const seconds = (module.diagnostic().duration / 1000).toFixed(1);
    const failed = module.state() === "failed";
    this.say({ Action: "output", ...event, Output: `${failed ? "FAIL" : "ok  "}\t${event.Package}\t${seconds}s\n` });
    this.say({ Action: failed ? "fail" : "pass", ...event });
  }
}

function name(module: TestModule) {
  return "e2e/" + module.moduleId.replace(/^.*\//, "").replace(/\.test\.ts$/, "");
}
