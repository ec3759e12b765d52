package device

import "strings"

// Describe says in a person's words what browser and system a User-Agent header
// names. It is a hint for people: anybody can write any header. What is no
// browser is shown by its first word.
func Describe(userAgent string) string {
	switch browser, system := Browser(userAgent); {
	case browser != "" && system != "":
		return browser + " on " + system
	case browser != "":
		return browser
	}
	return "Unknown device"
}

// Browser is [Describe] in its parts, for those who say it in another language: what
// is not known is empty. A program is a browser without a system.
func Browser(userAgent string) (browser, system string) {
	browser = first(userAgent, [][2]string{
		{"Edg", "Edge"}, {"OPR/", "Opera"}, {"SamsungBrowser", "Samsung Internet"}, {"Firefox/", "Firefox"}, {"FxiOS", "Firefox"},
		{"CriOS", "Chrome"}, {"Chrome/", "Chrome"}, {"Safari/", "Safari"},
	})
	if browser == "" {
		browser, _, _ = strings.Cut(userAgent, " ")
		return browser, ""
	}
	return browser, first(userAgent, [][2]string{
		{"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Android", "Android"}, {"Windows", "Windows"}, {"CrOS", "ChromeOS"},
		{"Macintosh", "Mac"}, {"Linux", "Linux"},
	})
}

// first returns the name of the first sign that s contains. The order matters:
// browsers claim to be those before them.
func first(s string, signs [][2]string) string {
	for _, sign := range signs {
		if strings.Contains(s, sign[0]) {
			return sign[1]
		}
	}
	return ""
}
