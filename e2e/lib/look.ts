import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Page } from "playwright-core";
import { expect } from "vitest";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

interface Finding { id: string; impact: string; help: string; nodes: { html: string; failureSummary: string }[] }

// accessible finds what axe finds: WCAG 2.2 AA and best practice.
export async function accessible(page: Page, name: string) {
  await page.evaluate(axe);
  const found = await page.evaluate(async () => {
    const { violations } = await (globalThis as any).axe.run(document, {
      runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
      rules: { "target-size": { enabled: true } },
      resultTypes: ["violations"],
    });
    return violations as Finding[];
  });
  const said = found.map((f) => `${name}: ${f.id}: ${f.help}: ${f.nodes.map((n) => `${n.html} (${n.failureSummary})`).join("; ")}`);
  expect(said).toEqual([]);
}

// reflows finds what is wider than the window (WCAG 1.4.10).
export async function reflows(page: Page, name: string) {
  const wide = await page.evaluate(() => {
    const room = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth <= room) return [];
    return [...document.querySelectorAll("body *")]
      .filter((e) => e.getBoundingClientRect().right > room + 1 || e.getBoundingClientRect().left < -1)
      .filter((e) => !e.closest(".scroll, .skip, .seen"))
      .map((e) => e.outerHTML.slice(0, 120));
  });
  expect(wide, `${name} at ${page.viewportSize()?.width} px`).toEqual([]);
}

// reachable finds buttons, fields and links of navigation lower than 44 px.
export async function reachable(page: Page, name: string) {
  const low = await page.evaluate(() =>
    [...document.querySelectorAll<HTMLElement>("button, select, textarea, input:not([type=hidden], [type=checkbox], [type=radio]), nav a, a.button, label.check, summary")]
      .filter((e) => e.checkVisibility() && !e.closest(".seen"))
      .filter((e) => e.getBoundingClientRect().height < 43.5)
      .map((e) => e.outerHTML.slice(0, 120)));
  expect(low, name).toEqual([]);
}

// visibleFocus walks through the page with Tab and finds what does not show that it has
// the focus, or is covered then (WCAG 2.4.7, 2.4.11).
export async function visibleFocus(page: Page, name: string) {
  const stops = await page.locator("a, button, input:not([type=hidden]), select, textarea, summary").count();
  for (let i = 0; i < Math.min(stops, 40); i++) {
    await page.keyboard.press("Tab");
    const hidden = await page.evaluate(() => {
      const e = document.activeElement as HTMLElement | null;
      if (!e || e === document.body) return "";
      const style = getComputedStyle(e);
      const box = e.getBoundingClientRect();
      const seen = box.bottom > 0 && box.top < innerHeight && box.width > 0;
      return seen && style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2 ? "" : e.outerHTML.slice(0, 120);
    });
    expect(hidden, `${name}: focus that cannot be seen`).toBe("");
  }
}

// edges finds what can be pressed and has no edge: with forced colours it has nothing else.
export async function edges(page: Page, name: string) {
  const bare = await page.evaluate(() =>
    [...document.querySelectorAll<HTMLElement>("button:not(.plain), .button, input:not([type=hidden], [type=checkbox], [type=radio]), select, textarea")]
      .filter((e) => e.checkVisibility() && getComputedStyle(e).borderStyle === "none")
      .map((e) => e.outerHTML.slice(0, 120)));
  expect(bare, `${name} in forced colours`).toEqual([]);
}
