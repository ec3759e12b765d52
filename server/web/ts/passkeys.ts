// The list of a person's passkeys: a new one is made here, and devices are told which
// there are. It renames and deletes without JavaScript.
import { ask, called, make, Refusal, supported } from "./lib/webauthn";

const maker = document.querySelector<HTMLFormElement>(".passkey-maker");
const button = maker?.querySelector("button");
const status = maker?.querySelector<HTMLElement>("[role=status]");

async function create() {
  const { options, again, cancelled, failed, taken, full } = maker!.dataset;
  status!.textContent = "";
  button!.disabled = true;
  try {
    const { public_key } = await ask(options!, {});
    (maker!.elements.namedItem("credential") as HTMLInputElement).value = await make(public_key as Record<string, unknown>);
    maker!.submit();
  } catch (error) {
    button!.disabled = false;
    if (error instanceof Refusal && error.status === 401) return location.assign(again!);
    if (called(error, "NotAllowedError", "AbortError")) status!.textContent = cancelled!;
    else if (called(error, "InvalidStateError")) status!.textContent = taken!;
    else if (error instanceof Refusal && error.code === "too_many_passkeys") status!.textContent = full!;
    else status!.textContent = failed!;
  }
}

if (maker && button) {
  if (supported) {
    button.hidden = false;
    button.addEventListener("click", () => void create());
  } else {
    status!.textContent = maker.dataset.unsupported!;
  }
}

// A device that keeps passkeys which were deleted here stops to offer them.
const { rp, user, ids } = document.querySelector<HTMLElement>("[data-ids]")?.dataset ?? {};
const known = (supported ? PublicKeyCredential : {}) as {
  signalAllAcceptedCredentials?(o: { rpId: string; userId: string; allAcceptedCredentialIds: string[] }): Promise<void>;
};
if (rp && user && ids !== undefined) {
  known.signalAllAcceptedCredentials?.({ rpId: rp, userId: user, allAcceptedCredentialIds: ids.split(" ").filter(Boolean) }).catch(() => undefined);
}

// The offer of a first passkey is made where one can be made.
const offer = document.querySelector<HTMLElement>(".passkey-offer");
if (offer && supported) {
  PublicKeyCredential.isUserVerifyingPlatformAuthenticatorAvailable?.().then((there) => { offer.hidden = !there; });
}
