import { createHmac } from "node:crypto";
import type { Page } from "playwright-core";
import type { Person } from "./people.ts";
import type { Server } from "./server.ts";

// A Caller is a program with cookies of its own. It brings about, without a browser, what
// a page is to show.
export class Caller {
  readonly cookies = new Map<string, { value: string; path: string }>();

  constructor(readonly server: Server, private readonly agent = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0") {}

  // ask posts JSON, or what the method does, and fails unless all is well.
  async ask<T = any>(path: string, body?: object, method = body ? "POST" : "GET"): Promise<T> {
    const { status, text } = await this.try(path, body, method);
    if (status >= 400) throw new Error(`${method} ${path}: ${status} ${text}`);
    return (text ? JSON.parse(text) : undefined) as T;
  }

  async try(path: string, body?: object, method = body ? "POST" : "GET"): Promise<{ status: number; text: string }> {
    const answer = await fetch(this.server.url + path, {
      method, redirect: "manual", body: body && JSON.stringify(body),
      headers: {
        Accept: "application/json", "User-Agent": this.agent, Cookie: [...this.cookies].map(([name, { value }]) => `${name}=${value}`).join("; "),
        ...(body ? { "Content-Type": "application/json" } : {}),
      },
    });
    for (const line of answer.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line)!;
      this.cookies.set(name!, { value: value!, path: /path=([^;]+)/i.exec(line)?.[1] ?? "/" });
    }
    return { status: answer.status, text: await answer.text() };
  }

  // lend lets a browser go on as this caller.
  lend(page: Page) {
    return page.context().addCookies([...this.cookies].map(([name, { value, path }]) => ({
      name, value, url: this.server.url + path, httpOnly: true, sameSite: "Lax" as const,
    })));
  }

  // register makes the account, and proves its address if it has one.
  static async register(server: Server, person: Person): Promise<Caller> {
    const caller = new Caller(server);
    await caller.ask("/auth/register", { username: person.name, email: person.email, password: person.password, mode: "cookie" });
    if (person.email) await caller.ask("/auth/email/verify", { code: (await mail(server, person.email)).code });
    return caller;
  }

  // signIn makes another session, of another browser.
  static async signIn(server: Server, person: Person, agent?: string): Promise<Caller> {
    const caller = new Caller(server, agent);
    await caller.ask("/auth/login", { identifier: person.name, password: person.password, mode: "cookie" });
    return caller;
  }

  // app sets up an authenticator app.
  async app(): Promise<{ app: App; codes: string[] }> {
    const { secret } = await this.ask("/auth/totp", {});
    const app = new App(secret);
    const { recovery_codes } = await this.ask("/auth/totp/confirm", { code: app.code() });
    return { app, codes: recovery_codes };
  }

  // codesByMail sets up codes by e-mail.
  async codesByMail(address: string) {
    await this.ask("/auth/otp/enrol", { channel: "email" });
    return this.ask("/auth/otp/confirm", { channel: "email", code: (await mail(this.server, address, "code_email")).code });
  }
}

export interface Message { kind: string; subject: string; text: string; link: string; code: string }

// mail is the newest message to an address, which nobody carries: of a kind, if one is named.
export async function mail(server: Server, to: string, kind?: string): Promise<Message> {
  const answer = await fetch(`${server.url}/auth/dev/mail?to=${encodeURIComponent(to)}`, { headers: { Accept: "application/json" } });
  const { items } = (await answer.json()) as { items: Message[] };
  const found = items.find((m) => !kind || m.kind === kind);
  if (!found) throw new Error(`no ${kind ?? "message"} to ${to}, but ${items.map((m) => m.kind)}`);
  return found;
}

// An App shows the codes of RFC 6238, and each only once.
export class App {
  private used = 0;

  constructor(private readonly secret: string) {}

  // code is one that was not used yet: the server takes those of the step before and after, too.
  code(): string {
    this.used = Math.max(this.used + 1, Math.floor(Date.now() / 30_000));
    const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    const bits = [...this.secret.replace(/[\s=]/g, "").toUpperCase()].map((c) => digits.indexOf(c).toString(2).padStart(5, "0")).join("");
    const key = Buffer.from(bits.match(/.{8}/g)!.map((byte) => parseInt(byte, 2)));
    const step = Buffer.alloc(8);
    step.writeBigUInt64BE(BigInt(this.used));
    const mac = createHmac("sha1", key).update(step).digest();
    const at = mac[19]! & 15;
    return String((mac.readUInt32BE(at) & 0x7fffffff) % 1_000_000).padStart(6, "0");
  }
}
