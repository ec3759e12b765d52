// Recovery codes can be printed where there is JavaScript; the browser's own menu does it elsewhere.
for (const button of document.querySelectorAll<HTMLButtonElement>("button.print")) {
  button.hidden = false;
  button.addEventListener("click", () => print());
}
