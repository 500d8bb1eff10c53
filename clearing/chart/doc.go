// Package chart is the city's chart of accounts: which accounts exist, what
// they are called and which limits they carry.
//
//	reserve             asset      money received for purses, at the bank
//	channel:ID          asset      what a top-up channel took and still owes; its cap is how much
//	                               it may owe, without a limit until two people set one
//	unwritten:own       liability  loads paid for, not yet on a card; debits never exceed credits
//	waiting:own         liability  loads paid for that wait for their card; likewise
//	float:own           liability  purse balances owed to card holders
//	centre              asset      what the national centre owes for cards of other cities
//	deposits:own        liability  deposits on cards, owed to their holders
//	passes:own          liability  prepaid passes: money for rides that are still to come
//	fees:own            income     fees of the issuer
//	commission:own      expense    what channels earn by their contracts
//	overdrawn:own       expense    what ended cards were overdrawn, and no deposit paid for
//	inactive:own        liability  the purses of cards that are inactive by rule
//	operator:ID         liability  fares owed to a transit operator
//	pending:ID          liability  fares of other cities' cards, owed once the centre confirms
//	suspense:REASON     liability  card money that moved, payee open
//	bank:medical        asset      money of the insurance funds
//	fund:INSURANCE      liability  an insurance fund; debits never exceed credits
//	personal:TOKEN      liability  a personal medical account; likewise
//	hospital:ID         liability  settlements owed to a hospital
//	bank:pension        asset      money of the pension fund
//	pension:fund        liability  the expenditure account; likewise
//	pension:payout      liability  payouts sent to the bank
//	pension:returned    liability  payouts that the bank sent back
//
// A tap of another city's card moves none of our float: it debits centre, and the operator's
// pending account takes the credit. A day's close pays operators out of their own accounts only, so
// nothing is paid that the centre may still refuse.
//
// The reserve and the float are two accounts, never one: what was received and
// what is owed are proved against each other every day.
package chart
