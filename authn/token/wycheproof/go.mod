module github.com/sallyport-auth/sallyport/authn/token/wycheproof

go 1.26.4

require (
	github.com/c2sp/wycheproof v0.0.0-20260902155932-3fa63dd0344a
	github.com/sallyport-auth/sallyport v0.0.0
)

replace github.com/sallyport-auth/sallyport => ../../..
