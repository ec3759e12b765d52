import type { CDPSession, Page } from "playwright-core";

// A Device is Chromium's virtual authenticator in one browser.
export class Device {
  private constructor(private readonly chromium: CDPSession, private readonly id: string) {}

  static async plugIn(page: Page): Promise<Device> {
    const chromium = await page.context().newCDPSession(page);
    await chromium.send("WebAuthn.enable", { enableUI: false });
    const { authenticatorId } = await chromium.send("WebAuthn.addVirtualAuthenticator", {
      options: {
        protocol: "ctap2", transport: "internal", hasResidentKey: true, hasUserVerification: true,
        isUserVerified: true, automaticPresenceSimulation: true,
      },
    });
    return new Device(chromium, authenticatorId);
  }

  // touched says whether its user is there; a device that nobody touches waits.
  touched(there: boolean) {
    return this.chromium.send("WebAuthn.setAutomaticPresenceSimulation", { authenticatorId: this.id, enabled: there });
  }

  // knows says whether the finger or PIN is that of its user.
  knows(user: boolean) {
    return this.chromium.send("WebAuthn.setUserVerified", { authenticatorId: this.id, isUserVerified: user });
  }

  async held(): Promise<number> {
    return (await this.chromium.send("WebAuthn.getCredentials", { authenticatorId: this.id })).credentials.length;
  }

  unplug() {
    return this.chromium.send("WebAuthn.removeVirtualAuthenticator", { authenticatorId: this.id });
  }
}
