// Passkeys in a browser. Not every browser that has them reads and writes JSON
// (WebAuthn 3 §5.1), so that is done here where it must be.

type Text = Record<string, unknown>;

// supported is false where no passkey can be: without a secure context, and at an
// address in place of a name.
export const supported =
  isSecureContext && typeof PublicKeyCredential === "function" && !/^[\d.]+$|^\[/.test(location.hostname);

function bytes(text: unknown): Uint8Array<ArrayBuffer> {
  const plain = atob(String(text).replace(/-/g, "+").replace(/_/g, "/"));
  return Uint8Array.from(plain, (c) => c.charCodeAt(0));
}

function text(buffer: ArrayBuffer | null | undefined): string | undefined {
  if (!buffer) return undefined;
  let plain = "";
  for (const byte of new Uint8Array(buffer)) plain += String.fromCharCode(byte);
  return btoa(plain).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

const named = (list: unknown) => ((list ?? []) as Text[]).map((one) => ({ ...one, id: bytes(one.id) }));

export function creationOptions(json: Text): PublicKeyCredentialCreationOptions {
  if (PublicKeyCredential.parseCreationOptionsFromJSON) {
    return PublicKeyCredential.parseCreationOptionsFromJSON(json as unknown as PublicKeyCredentialCreationOptionsJSON);
  }
  const user = json.user as Text;
  return {
    ...json, challenge: bytes(json.challenge), user: { ...user, id: bytes(user.id) }, excludeCredentials: named(json.excludeCredentials),
  } as unknown as PublicKeyCredentialCreationOptions;
}

export function requestOptions(json: Text): PublicKeyCredentialRequestOptions {
  if (PublicKeyCredential.parseRequestOptionsFromJSON) {
    return PublicKeyCredential.parseRequestOptionsFromJSON(json as unknown as PublicKeyCredentialRequestOptionsJSON);
  }
  return { ...json, challenge: bytes(json.challenge), allowCredentials: named(json.allowCredentials) } as unknown as PublicKeyCredentialRequestOptions;
}

// written is what a device has answered, as JSON.
export function written(credential: PublicKeyCredential): string {
  try {
    if (credential.toJSON) return JSON.stringify(credential.toJSON());
  } catch {
    // Some extensions that stand in for the browser promise it and cannot.
  }
  const answer = credential.response as AuthenticatorAttestationResponse & AuthenticatorAssertionResponse;
  return JSON.stringify({
    id: credential.id,
    rawId: text(credential.rawId),
    type: credential.type,
    authenticatorAttachment: credential.authenticatorAttachment ?? undefined,
    clientExtensionResults: credential.getClientExtensionResults(),
    response: {
      clientDataJSON: text(answer.clientDataJSON),
      attestationObject: text(answer.attestationObject),
      transports: answer.attestationObject ? answer.getTransports?.() ?? [] : undefined,
      authenticatorData: answer.attestationObject ? undefined : text(answer.authenticatorData),
      signature: text(answer.signature),
      userHandle: text(answer.userHandle),
    },
  });
}

// A browser does one thing at a time with passkeys: what waits is given up before
// anything else begins.
let waiting: AbortController | undefined;

export function giveUp() {
  waiting?.abort();
  waiting = undefined;
}

// begin is the signal of what begins now.
export function begin(): AbortController {
  giveUp();
  return (waiting = new AbortController());
}

export async function make(options: Text): Promise<string> {
  const { signal } = begin();
  return written((await navigator.credentials.create({ publicKey: creationOptions(options), signal })) as PublicKeyCredential);
}

export async function use(options: Text): Promise<string> {
  const { signal } = begin();
  return written((await navigator.credentials.get({ publicKey: requestOptions(options), signal })) as PublicKeyCredential);
}

// called tells errors apart by their names, as browsers do.
export const called = (error: unknown, ...names: string[]) => error instanceof Error && names.includes(error.name);

// ask posts JSON. What is not a good answer is thrown as a Refusal.
export async function ask(path: string, body: Text): Promise<Text> {
  const answer = await fetch(path, {
    method: "POST", headers: { "Content-Type": "application/json", Accept: "application/json" }, body: JSON.stringify(body),
  });
  const said = (await answer.json().catch(() => ({}))) as Text;
  if (!answer.ok) throw new Refusal(answer.status, String(said.code ?? ""));
  return said;
}

export class Refusal extends Error {
  constructor(readonly status: number, readonly code: string) { super(code); }
}
