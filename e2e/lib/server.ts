import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inject } from "vitest";

// A server is `sallyport serve` in a folder of its own, which ends with it.
export interface Server {
  url: string; // "http://127.0.0.1:1234"
  setUp: string; // address of the page for the first administrator
  log(): string; // what it wrote to standard error
  run(args: string[], input?: string): string; // another command of the program, on its data; what it prints
  stop(): Promise<void>;
}

// cheap hashing of passwords, because there are two processors for everything.
const cheap = "[password]\ncost = \"m=64,t=1,p=1\"\ninsecure_low_cost = true\n\n";

// Settings are the text of a configuration file, which may depend on where the server is.
export type Settings = string | ((url: string) => string | Promise<string>);

// serve starts a server on a free port.
export async function serve(settings: Settings = ""): Promise<Server> {
  const folder = mkdtempSync(join(tmpdir(), "sallyport-e2e-"));
  const file = join(folder, "sallyport.toml");
  // By name, because a passkey belongs to a name and not to an address.
  const port = await freePort(), base = `http://localhost:${port}`;
  writeFileSync(file, cheap + (typeof settings === "string" ? settings : await settings(base)));
  const args = ["serve", "--addr", `127.0.0.1:${port}`, "--base-url", base, "--data", join(folder, "data"), "--config", file];
  const child = spawn(inject("program"), args, { stdio: ["ignore", "pipe", "pipe"], env: { PATH: process.env.PATH } });
  let log = "";
  child.stderr.on("data", (chunk) => { log += chunk; });
  try {
    const said = await listening(child, () => log);
    return {
      url: said.url,
      setUp: said.setUp,
      log: () => log,
      run: (more, input = "") => execFileSync(inject("program"), [...more, "--data", join(folder, "data"), "--config", file], { input, encoding: "utf8", env: { PATH: process.env.PATH } }),
      stop: async () => {
        await ended(child);
        rmSync(folder, { recursive: true, force: true });
      },
    };
  } catch (error) {
    await ended(child);
    throw error;
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer().once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address() as AddressInfo;
      probe.close(() => resolve(port));
    });
  });
}

// listening reads what the program prints until it has said everything.
function listening(child: ChildProcess, log: () => string): Promise<{ url: string; setUp: string }> {
  return new Promise((resolve, reject) => {
    let said = "";
    child.stdout!.on("data", (chunk) => {
      said += chunk;
      const url = /sign in +(\S+)\/auth\/login/.exec(said)?.[1];
      if (url && said.includes("Ctrl-C")) resolve({ url, setUp: /(\S+\/setup\/\S+)/.exec(said)?.[1] ?? "" });
    });
    child.once("exit", (code) => reject(new Error(`serve ended with ${code}:\n${said}${log()}`)));
    child.once("error", reject);
  });
}

function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve();
    child.once("exit", () => resolve());
    child.kill("SIGTERM");
  });
}
