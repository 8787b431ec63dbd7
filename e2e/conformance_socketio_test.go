package e2e_test

var connects, packets []statement
