// The use of a passkey, to sign in or as a second factor: a part of a form that a
// device fills in. It is hidden until this runs, as nothing of it works without
// JavaScript.
import { ask, begin, called, giveUp, requestOptions, supported, use, written } from "./lib/webauthn";

const box = document.querySelector<HTMLElement>("div.passkey");
const form = box?.closest("form");
const button = box?.querySelector("button");
const status = box?.querySelector<HTMLElement>("[role=status]");

const field = (name: string) => form!.elements.namedItem(name) as HTMLInputElement | null;
const say = (what?: string) => { if (status) status.textContent = what ?? ""; };

type Options = { ticket?: string; public_key: Record<string, unknown> };

// options are asked for at the last moment: they are good for five minutes.
const options = () => ask(box!.dataset.options!, {}) as Promise<Options>;

// send hands over what the device has answered, as if it had been typed.
function send(ticket: string | undefined, credential: string) {
  if (ticket && field("ticket")) field("ticket")!.value = ticket;
  field("credential")!.value = credential;
  form!.submit();
}

// The button, which is always there.
async function choose() {
  giveUp();
  say();
  button!.disabled = true;
  try {
    const asked = await options();
    send(asked.ticket, await use(asked.public_key));
  } catch (error) {
    // The person closed the window, waited too long, or has none here: all the same to
    // the browser, and none of it is a fault.
    say(called(error, "NotAllowedError", "AbortError") ? box!.dataset.cancelled : box!.dataset.failed);
    button!.disabled = false;
    void offer();
  }
}

// The list below the field for the name, as long as nothing else happens. Where a
// passkey was just refused that nobody has, there is none: it would be offered again.
const renewed = 4 * 60_000;

async function offer() {
  if (box!.dataset.autofill === undefined || !(await PublicKeyCredential.isConditionalMediationAvailable?.())) return;
  for (;;) {
    let late = false;
    const asking = begin();
    const timer = setTimeout(() => { late = true; asking.abort(); }, renewed);
    try {
      const asked = await options();
      asking.signal.throwIfAborted();
      const credential = await navigator.credentials.get({
        mediation: "conditional", publicKey: requestOptions(asked.public_key), signal: asking.signal,
      });
      return send(asked.ticket, written(credential as PublicKeyCredential));
    } catch {
      if (!late) return; // given up for something else, or the browser would rather not
      await awake();
    } finally {
      clearTimeout(timer);
    }
  }
}

// awake waits until somebody looks at the page: one that is forgotten asks for nothing.
function awake(): Promise<void> {
  if (document.visibilityState === "visible") return Promise.resolve();
  return new Promise((resolve) => {
    document.addEventListener("visibilitychange", () => resolve(), { once: true });
  });
}

if (box && form && button && supported) {
  box.hidden = false;
  button.addEventListener("click", () => void choose());
  for (const other of document.forms) {
    if (other !== form) other.addEventListener("submit", giveUp);
  }
  // Nobody has the passkey that was just tried: the device need not offer it again.
  const { unknown, rp } = box.dataset;
  const known = PublicKeyCredential as unknown as { signalUnknownCredential?(o: { rpId: string; credentialId: string }): Promise<void> };
  if (unknown && rp) known.signalUnknownCredential?.({ rpId: rp, credentialId: unknown }).catch(() => undefined);
  void offer();
  addEventListener("pageshow", (event) => {
    if (event.persisted) { button.disabled = false; void offer(); }
  });
}
