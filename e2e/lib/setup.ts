import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";

declare module "vitest" {
  interface ProvidedContext {
    program: string; // the sallyport program
  }
}

// The program is built once, for all test files.
export default function setup(project: TestProject) {
  const folder = mkdtempSync(join(tmpdir(), "sallyport-e2e-"));
  const program = join(folder, "sallyport");
  execFileSync("go", ["build", "-o", program, "./cmd/sallyport"], { cwd: join(import.meta.dirname, "../.."), stdio: "inherit" });
  project.provide("program", program);
  return () => rmSync(folder, { recursive: true, force: true });
}
