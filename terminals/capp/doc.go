// Package capp holds the records that gates and bus validators write to a transit card with a
// composite purchase (复合应用消费), and decides which cards they take. The dialogue with the card is in
// package card.
//
//	UPDATE CAPP DATA CACHE 001A    the trip: where the ride began, and ended
//	UPDATE CAPP DATA CACHE 001E    the journey, which agrees with the purse's own log
package capp
