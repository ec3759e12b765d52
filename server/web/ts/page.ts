// What every page does where there is JavaScript. Everything works without it.

// A password can be looked at, and is hidden again before it is sent.
for (const button of document.querySelectorAll<HTMLButtonElement>("button.reveal")) {
  const input = button.parentElement?.querySelector("input");
  if (!input) continue;
  const show = (shown: boolean) => {
    input.type = shown ? "text" : "password";
    button.setAttribute("aria-pressed", String(shown));
    button.textContent = (shown ? button.dataset.hide : button.dataset.show) ?? "";
  };
  button.hidden = false;
  button.addEventListener("click", () => show(input.type === "password"));
  input.form?.addEventListener("submit", () => show(false));
}

// How long a new password is, said while it is typed, once the typing rests.
for (const said of document.querySelectorAll<HTMLElement>(".length")) {
  const input = said.closest("form")!.querySelector<HTMLInputElement>("[autocomplete=new-password]")!;
  let rests = 0;
  input.addEventListener("input", () => {
    clearTimeout(rests);
    rests = setTimeout(() => {
      const typed = [...input.value].length;
      said.textContent = typed === 0 ? "" : typed < input.minLength ? said.dataset.typed!.replace("{typed}", String(typed)) : said.dataset.enough!;
    }, 400);
  });
}

// <button class="copy" hidden data-copy="what" data-copied="Copied">Copy</button>
for (const button of document.querySelectorAll<HTMLButtonElement>("button.copy")) {
  const label = button.textContent;
  button.hidden = !navigator.clipboard;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(button.dataset.copy ?? "");
    button.textContent = button.dataset.copied ?? "";
    setTimeout(() => { button.textContent = label; }, 2000);
  });
}

// <time datetime="…"> is written in UTC by the server; here the zone is known.
const zoned = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "long", timeStyle: "short" });
for (const time of document.querySelectorAll<HTMLTimeElement>("time[datetime]")) {
  const at = new Date(time.dateTime);
  if (!time.hasAttribute("data-ago") && !isNaN(at.getTime())) time.textContent = zoned.format(at);
}

// A form is sent once, however often the button is pressed.
for (const form of document.querySelectorAll("form")) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) event.preventDefault();
    else setTimeout(() => { form.dataset.sent = "1"; });
    setTimeout(() => { delete form.dataset.sent; }, 5000); // what was answered with a download leaves the page as it is
  });
}
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form")) delete form.dataset.sent;
});
