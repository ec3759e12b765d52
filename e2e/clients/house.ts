import http from "node:http";
import { afterAll, beforeAll, expect } from "vitest";
import { serve, type Server } from "../lib/server.ts";
import { password } from "../lib/people.ts";

export const resource = "https://api.example/";

// What the judges need: a server, a way to register clients, and a person with a browser.
export interface House {
  issuer: string;
  register(client: object): Promise<{ client_id: string; client_secret: string }>;
  initialToken(): string; // by which a client registers itself
  person(name: string): Promise<Person>;
}

// house starts a server for a file of tests. Tokens for the resource are signed with
// RS256, which every library knows. What is before the server is started first, and more
// settings may depend on its port.
export function house(more: (port: number) => string = () => "", before: () => Promise<number> = async () => 0): () => House {
  let server: Server, key: string;
  beforeAll(async () => {
    const port = await before();
    server = await serve(`${more(port)}[clients]\nregistration = true\n[resources]\n"${resource}" = "RS256"\n`);
    server.run(["user", "add", "--username", "boss", "--role", "admin", "--password-stdin"], password);
    key = JSON.parse(server.run(["apikey", "add", "--user", "boss", "--name", "judges", "--scope", "*", "--json"])).key;
  });
  afterAll(() => server?.stop());
  return () => ({
    issuer: server.url,
    async register(client) {
      const answer = await fetch(server.url + "/auth/admin/api/clients", {
        method: "POST", body: JSON.stringify(client), headers: { "Content-Type": "application/json", Authorization: `Bearer ${key}` },
      });
      expect(answer.status, await answer.clone().text()).toBe(201);
      return await answer.json() as { client_id: string; client_secret: string };
    },
    initialToken: () => server.run(["client", "token", "add", "Judges"]).trim(),
    async person(name) {
      const p = new Person(server.url);
      const answer = await p.go(server.url + "/auth/register", { username: name, password });
      expect(answer.status).toBe(303);
      return p;
    },
  });
}

export interface Answer { status: number; location?: string; text: string }

// A Person is somebody with a browser, which keeps cookies for the server and for apps.
export class Person {
  private cookies = new Map<string, Map<string, string>>(); // by origin, which is stricter than browsers are

  constructor(private issuer: string) {}

  // go loads an address, or posts a form to it, and follows no redirect. fetch would not
  // do: it says of itself that it is a script.
  go(address: string, form?: Record<string, string>): Promise<Answer> {
    const url = new URL(address);
    const jar = this.cookies.get(url.host) ?? new Map<string, string>();
    this.cookies.set(url.host, jar);
    const headers: Record<string, string> = { "Sec-Fetch-Mode": "navigate", Accept: "text/html" };
    if (jar.size > 0) headers.Cookie = [...jar].map(([k, v]) => `${k}=${v}`).join("; ");
    if (form) Object.assign(headers, { "Content-Type": "application/x-www-form-urlencoded", Origin: url.origin, "Sec-Fetch-Site": "same-origin" });
    return new Promise((resolve, reject) => {
      const request = http.request(url, { method: form ? "POST" : "GET", headers }, (answer) => {
        let text = "";
        answer.setEncoding("utf8").on("data", (chunk) => { text += chunk; }).on("end", () => {
          for (const line of answer.headers["set-cookie"] ?? []) {
            const [pair = "", ...attributes] = line.split(";");
            const at = pair.indexOf("=");
            const gone = attributes.some((a) => /^\s*(max-age=(0|-)|expires=Thu, 01 Jan 1970)/i.test(a));
            if (gone) jar.delete(pair.slice(0, at)); else jar.set(pair.slice(0, at), pair.slice(at + 1));
          }
          resolve({ status: answer.statusCode!, location: answer.headers.location, text });
        });
      });
      request.on("error", reject).end(form && new URLSearchParams(form).toString());
    });
  }

  // allow goes where an app sends its people, allows what it asks for, and comes back to
  // the app: it returns the address at which that happens.
  async allow(address: string | URL): Promise<URL> {
    let answer = await this.go(address.toString());
    if (answer.status === 200) {
      const request = /name="request" value="([^"]*)"/.exec(answer.text)?.[1];
      if (!request) throw new Error("there is no page for consent");
      answer = await this.go(this.issuer + "/auth/oauth/consent", { request: plain(request), decision: "allow" });
    }
    if (answer.status !== 303 || !answer.location) throw new Error(`the way back is ${answer.status}: ${answer.text}`);
    return new URL(answer.location);
  }

  // follow is allow for apps that are servers: it goes on until nothing leads on.
  async follow(address: string): Promise<Answer> {
    for (let steps = 0; steps < 10; steps++) {
      if (address.startsWith(this.issuer + "/auth/oauth/authorize")) address = (await this.allow(address)).toString();
      const answer = await this.go(address);
      if (!answer.location) return answer;
      address = new URL(answer.location, address).toString();
    }
    throw new Error("it leads on and on");
  }
}

function plain(html: string): string {
  return html.replace(/&#(\d+);/g, (_, n) => String.fromCharCode(Number(n))).replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&quot;", '"').replaceAll("&amp;", "&");
}

// reports is what GET /auth/me says with a token: a guarded route.
export async function me(issuer: string, token: string): Promise<{ status: number; subject?: string }> {
  const answer = await fetch(issuer + "/auth/me", { headers: { Authorization: `Bearer ${token}` } });
  return { status: answer.status, ...(await answer.json() as { subject?: string }) };
}
