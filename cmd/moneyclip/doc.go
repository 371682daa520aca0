// The command moneyclip looks at programs that use MoneyClip: at the rules they register, at what each of their writes
// does to each rule, and at what stands in the Redis that they share.
//
//	moneyclip manifest ./internal/db > moneyclip.json
//	moneyclip explain --db "$DSN" --rules moneyclip.json 'UPDATE users SET name = ? WHERE id = ?' x 7
//	moneyclip vet --rules moneyclip.json --html vet.html
//	moneyclip keys --redis "$URL" --rule user
//	moneyclip get --redis "$URL" user::id-7
//	moneyclip purge --redis "$URL" user::id-7
//	moneyclip doctor --redis "$URL" --db "$DSN"
//	moneyclip audit --redis "$URL" --db "$DSN" --rules moneyclip.json --queries sqlc.yaml
//	moneyclip warm --redis "$URL" --db "$DSN" --rules moneyclip.json --query "$TEXT" --keys 'SELECT id FROM users'
//	moneyclip stats http://localhost:8080/debug/vars
//	moneyclip top http://localhost:8080/debug/vars
//
// It has no configuration but a DSN or a URL and the rules. Each command takes --json. The exit code is 0, or 1 if what
// was looked at is not as it should be, or 2 if it could not be looked at.
package main
