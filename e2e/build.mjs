// Bundles server/web/ts/*.ts into server/web/assets/*.js, which are committed: go build
// needs no node. --check fails if what is committed is not what this makes.
import { build } from "esbuild";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const web = fileURLToPath(new URL("../server/web/", import.meta.url));
const check = process.argv.includes("--check");

const sources = (await readdir(join(web, "ts"))).filter((name) => name.endsWith(".ts") && !name.endsWith(".d.ts"));
const { outputFiles } = await build({
  entryPoints: sources.map((name) => join(web, "ts", name)),
  outdir: join(web, "assets"),
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  charset: "utf8",
  legalComments: "none",
  write: !check,
});

let drifted = false;
for (const file of outputFiles ?? []) {
  const committed = await readFile(file.path, "utf8").catch(() => "");
  if (committed !== file.text) {
    console.error(`${file.path} is not what its source makes: npm run build, in e2e`);
    drifted = true;
  }
}
const made = new Set(sources.map((name) => name.replace(/\.ts$/, ".js")));
for (const name of await readdir(join(web, "assets"))) {
  if (name.endsWith(".js") && !made.has(name)) {
    console.error(`assets/${name} has no source in ts`);
    drifted = true;
  }
}
process.exitCode = drifted ? 1 : 0;
