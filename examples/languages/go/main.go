package main

import (
	"fmt"
	"os"
)

func run() error {
	session, err := Open("minimal")
	if err != nil {
		return err
	}
	defer session.Close()
	if len(os.Args) > 1 && os.Args[1] == "logout" {
		return session.Clear()
	}
	session.SetVisits(session.Visits() + 1)
	if len(os.Args) > 1 {
		session.SetTheme(os.Args[1])
	}
	if err := session.Persist(); err != nil {
		return err
	}
	fmt.Printf("visit %d, theme %s\n", session.Visits(), session.Theme())
	return nil
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "minimal:", err)
		os.Exit(1)
	}
}
