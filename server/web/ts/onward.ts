// The answer of a form goes on by itself; without a script, by the button.
document.querySelector<HTMLFormElement>("#onward")?.submit();
