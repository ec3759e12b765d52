import { spawn } from "node:child_process";
import { join } from "node:path";

// An Upstream is a provider that people sign in with elsewhere: the real one that the tests
// in Go use, too. Ann is signed in there.
export interface Upstream {
  url: string;
  become(person: { sub: string; preferred_username: string; email?: string; email_verified?: boolean }): Promise<unknown>;
  stop(): void;
}

export function upstream(callback: string): Promise<Upstream> {
  const folder = join(import.meta.dirname, "../../internal/upstream/oidc-provider");
  const child = spawn(process.execPath, [join(folder, "provider.js"), callback], { stdio: ["ignore", "pipe", "ignore"] });
  return new Promise((resolve, reject) => {
    child.stdout.on("data", (said) => {
      const url = /listening on (\S+)/.exec(String(said))?.[1];
      if (url) resolve({
        url, stop: () => child.kill(),
        become: (person) => fetch(`${url}/person`, { method: "PUT", body: JSON.stringify(person) }),
      });
    });
    child.once("exit", (code) => reject(new Error(`the provider ended with ${code}: npm ci, in internal/upstream/oidc-provider`)));
  });
}
