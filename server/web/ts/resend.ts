// Another code can be asked for once the server sends one: until then the button waits, and says so.
for (const form of document.querySelectorAll<HTMLFormElement>("form.resend")) {
  const button = form.querySelector("button");
  const said = form.querySelector("[role=status]");
  const seconds = Number(form.dataset.wait ?? 0);
  if (!button || !said || !(seconds > 0)) continue;
  button.disabled = true;
  setTimeout(() => {
    button.disabled = false;
    said.remove();
  }, seconds * 1000);
}
