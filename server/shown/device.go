package shown

import "github.com/sallyport-auth/sallyport/account/device"

// Device says in a person's words what browser and system a User-Agent header names.
func Device(userAgent string) string { return device.Describe(userAgent) }

// Browser is [Device] in its parts, for those who say it in another language.
func Browser(userAgent string) (browser, system string) { return device.Browser(userAgent) }
