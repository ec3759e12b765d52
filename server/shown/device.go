package shown

import "github.com/sallyport-auth/sallyport/account/device"

// Device is [device.Describe].
func Device(userAgent string) string { return device.Describe(userAgent) }
