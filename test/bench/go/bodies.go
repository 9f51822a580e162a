package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"sync"
	"time"
)

type bodiesResult struct {
	// From the first byte sent to the whole answer, and to the first byte of the body at the backend, ms.
	Total   spread `json:"totalMs"`
	Reached spread `json:"reachedMs"`
	Errors  int    `json:"errors"`
	First   string `json:"firstError,omitempty"`
}

// `--clients` send bodies of `--size` bytes, as with a picture, with `model` first or last.
func runBodies(args []string) {
	target, model := option(args, "--url", ""), option(args, "--model", "bench")
	size, clients, count := number(args, "--size", 1024), number(args, "--clients", 1), number(args, "--count", 10)
	body := picture(model, size, option(args, "--position", "first"))
	var mutex sync.Mutex
	var totals, reached []int64
	var result bodiesResult
	var group sync.WaitGroup
	for i := 0; i < clients; i++ {
		group.Add(1)
		go func() {
			defer group.Done()
			c, err := dial(target)
			for n := 0; n < count && err == nil; n++ {
				var told struct{ First, Bytes int64 }
				begun := time.Now()
				// Head and body apart, as a big body would otherwise be copied in the measured time.
				_, err = c.conn.Write(c.head(chatPath+"?bench=body", len(body)))
				if err == nil {
					_, err = c.conn.Write(body)
				}
				var answer []byte
				if err == nil {
					answer, err = c.readAnswer()
				}
				total := time.Since(begun)
				if err == nil {
					err = json.Unmarshal(answer, &told)
				}
				if err == nil && told.Bytes != int64(len(body)) {
					err = fmt.Errorf("%d bytes arrived", told.Bytes)
				}
				if err != nil {
					break
				}
				mutex.Lock()
				totals = append(totals, int64(total))
				reached = append(reached, told.First-begun.UnixNano())
				mutex.Unlock()
			}
			if err != nil {
				mutex.Lock()
				result.Errors++
				result.First = err.Error()
				mutex.Unlock()
			}
		}()
	}
	group.Wait()
	result.Total, result.Reached = spreadOf(totals, time.Millisecond), spreadOf(reached, time.Millisecond)
	tell(result)
}

func picture(model string, size int, position string) []byte {
	named := fmt.Sprintf(`"model":%q`, model)
	start := `"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,`
	end := `"}}]}]`
	filling := bytes.Repeat([]byte("QmVuY2g5"), size/8+1)
	filling = filling[:max(8, size-len(named)-len(start)-len(end)-3)]
	if position == "first" {
		return []byte("{" + named + "," + start + string(filling) + end + "}")
	}
	return []byte("{" + start + string(filling) + end + "," + named + "}")
}

func max(a int, b int) int {
	if a > b {
		return a
	}
	return b
}
