// Package passwordthrottle owns how many wrong passwords are checked: of one account from one
// source, of all accounts from one source, and of one account from everywhere.
//
// A right password costs nothing, however often it is used. Wrong ones use up the allowance of
// the source that they come from. A source that has signed an account in before goes
// on whatever others do, so guessing locks no owner out of where they usually are.
//
// It never checks a password, and knows no product. Tokens need none of it: they cannot be
// guessed.
//
// Source: Microsoft Entra, "Smart lockout" (familiar and unfamiliar locations).
package passwordthrottle
