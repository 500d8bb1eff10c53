// Package capp is what gates and bus validators put on a transit card with a composite purchase
// (复合应用消费), and which cards they take. The dialogue itself is package card's.
//
//	UPDATE CAPP DATA CACHE 001A    the trip: where the ride began, and ended
//	UPDATE CAPP DATA CACHE 001E    the journey, which agrees with the purse's own log
package capp
