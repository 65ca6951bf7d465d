package main

import (
	"fmt"
	"strings"
	"sync"
	"testing"
)

// Each goroutine must get the message of its own call, although goroutines change threads between calls.
func TestMessagesAreOnesOwn(t *testing.T) {
	t.Setenv("LILY_SESSION_DIR", t.TempDir())
	session, err := Open("minimal")
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	var all sync.WaitGroup
	for one := 0; one < 8; one++ {
		all.Add(1)
		go func(key string) {
			defer all.Done()
			for i := 0; i < 500; i++ {
				if err := session.SetJSON(key, "{"); err == nil || !strings.HasPrefix(err.Error(), key+": ") {
					t.Errorf("%s got: %v", key, err)
					return
				}
			}
		}(fmt.Sprintf("key%d", one))
	}
	all.Wait()
}
