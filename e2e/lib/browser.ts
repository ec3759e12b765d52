import { existsSync } from "node:fs";
import { chromium, type Browser, type BrowserContext, type Page } from "playwright-core";
import { expect } from "vitest";

export type Scheme = "light" | "dark";

// How a person looks at the pages.
export interface View {
  js?: boolean; // default: yes
  scheme?: Scheme;
  width?: number;
  height?: number;
  language?: string; // what the browser prefers
  forced?: boolean; // forced colours
  alone?: boolean; // nobody else has this browser before or after
  hosts?: string[]; // that may be asked beside ours
}

// launch starts the browser that the machine has.
export function launch(): Promise<Browser> {
  const found = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"]
    .find((path) => path && existsSync(path));
  if (!found) throw new Error("there is no Chromium: install the package chromium, or say CHROMIUM=path");
  return chromium.launch({
    executablePath: found,
    // root cannot have the sandbox, and /dev/shm is small in a container
    args: ["--no-sandbox", "--disable-dev-shm-usage", "--force-color-profile=srgb"],
  });
}

// A Visitor is a browser profile that notes what no page may do: break the content
// security policy, ask another host for something, throw.
export class Visitor {
  readonly complaints: string[] = [];
  readonly requests: string[] = []; // addresses of everything asked for

  private constructor(readonly context: BrowserContext, readonly page: Page, readonly url: string, private readonly view: View) {}

  static async arrive(browser: Browser, url: string, view: View = {}): Promise<Visitor> {
    const context = await browser.newContext({
      baseURL: url,
      javaScriptEnabled: view.js ?? true,
      colorScheme: view.scheme ?? "light",
      forcedColors: view.forced ? "active" : "none",
      reducedMotion: "reduce",
      viewport: { width: view.width ?? 1024, height: view.height ?? 760 },
      locale: view.language ?? "en",
    });
    const visitor = new Visitor(context, await context.newPage(), url, view);
    visitor.watch();
    return visitor;
  }

  private watch() {
    const hosts = [new URL(this.url).host, ...(this.view.hosts ?? [])];
    this.context.on("request", (request) => {
      const address = new URL(request.url());
      if (address.protocol === "data:" || address.protocol === "blob:") return;
      this.requests.push(request.url());
      if (!hosts.includes(address.host)) this.complaints.push(`asks another host: ${request.url()}`);
    });
    this.context.on("console", (message) => {
      if (/Content Security Policy|Refused to/i.test(message.text())) this.complaints.push(message.text());
    });
    this.context.on("weberror", (error) => this.complaints.push(`throws: ${error.error()}`));
  }

  // leave ends the visit. It fails if a page did what none may.
  async leave() {
    const complaints = this.complaints.splice(0);
    if (complaints.length || this.view.alone) await this.context.close();
    expect(complaints).toEqual([]);
  }

  // forget makes the browser one that was never used, and says whether that is possible.
  async forget(): Promise<boolean> {
    if (this.view.alone) return false;
    await this.page.goto("about:blank");
    await this.context.unrouteAll();
    await this.context.clearCookies();
    this.requests.splice(0);
    return true;
  }
}
