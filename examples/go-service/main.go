// A service that takes care of itself: it registers with the local agent, with an HTTP check of its own address; looks
// around; stores how busy it is; and leaves the catalog when it is told to stop.
//
//	go run . -name worker -listen 127.0.0.1:9001
//
// The agent's address comes from CONSUL_HTTP_ADDR (default 127.0.0.1:8500).
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os/signal"
	"sort"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/hashicorp/consul/api"
)

// load is what a worker says about itself, under worker/IP:Port.
type load struct {
	Load int   `json:"load"`
	TS   int64 `json:"ts"`
}

type worker struct {
	consul *api.Client
	name   string
	ip     string
	port   int
}

func (w *worker) address() string { return net.JoinHostPort(w.ip, strconv.Itoa(w.port)) }
func (w *worker) id() string      { return w.name + "-" + w.address() }
func (w *worker) key() string     { return "worker/" + w.address() }

// register tells the agent about the service and how to check it. Registering again replaces the former entry.
func (w *worker) register() error {
	return w.consul.Agent().ServiceRegister(&api.AgentServiceRegistration{
		ID:      w.id(),
		Name:    w.name,
		Address: w.ip,
		Port:    w.port,
		Tags:    []string{"example"},
		Check: &api.AgentServiceCheck{
			HTTP:     "http://" + w.address() + "/status",
			Interval: "5s",
			Timeout:  "1s",
		},
	})
}

// listServices prints every service of the catalog with its tags.
func (w *worker) listServices() error {
	services, _, err := w.consul.Catalog().Services(nil)
	if err != nil {
		return err
	}
	names := make([]string, 0, len(services))
	for name := range services {
		names = append(names, name)
	}
	sort.Strings(names)
	fmt.Println("services:", strings.Join(names, " "))
	return nil
}

// awaitHealthy waits with blocking queries until this very instance is listed as passing, and prints all that are.
func (w *worker) awaitHealthy(ctx context.Context) error {
	options := (&api.QueryOptions{WaitTime: time.Minute}).WithContext(ctx)
	for {
		entries, meta, err := w.consul.Health().Service(w.name, "", true, options)
		if err != nil {
			return err
		}
		for _, entry := range entries {
			if entry.Service.ID != w.id() {
				continue
			}
			for _, e := range entries {
				fmt.Printf("healthy: %s %s:%d\n", e.Service.ID, e.Service.Address, e.Service.Port)
			}
			return nil
		}
		options.WaitIndex = meta.LastIndex
	}
}

// report stores the load and reads it back.
func (w *worker) report() error {
	value, err := json.Marshal(load{Load: 100, TS: time.Now().Unix()})
	if err != nil {
		return err
	}
	if _, err := w.consul.KV().Put(&api.KVPair{Key: w.key(), Value: value}, nil); err != nil {
		return err
	}
	pair, _, err := w.consul.KV().Get(w.key(), nil)
	if err != nil {
		return err
	}
	if pair == nil {
		return fmt.Errorf("%s is gone", w.key())
	}
	var read load
	if err := json.Unmarshal(pair.Value, &read); err != nil {
		return err
	}
	fmt.Printf("stored: %s load=%d ts=%d\n", pair.Key, read.Load, read.TS)
	return nil
}

func (w *worker) run(ctx context.Context) error {
	if err := w.register(); err != nil {
		return err
	}
	fmt.Println("registered:", w.id())
	defer w.leave()
	if err := w.listServices(); err != nil {
		return err
	}
	if err := w.awaitHealthy(ctx); err != nil {
		return ignoreCancelled(ctx, err)
	}
	if err := w.report(); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

func (w *worker) leave() {
	if err := w.consul.Agent().ServiceDeregister(w.id()); err != nil {
		log.Print(err)
		return
	}
	fmt.Println("deregistered:", w.id())
}

func ignoreCancelled(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func main() {
	name := flag.String("name", "worker", "name of the service")
	listen := flag.String("listen", "127.0.0.1:9001", "address of the service; port 0 takes a free one")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()

	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		log.Fatal(err)
	}
	address := listener.Addr().(*net.TCPAddr)
	mux := http.NewServeMux()
	mux.HandleFunc("/status", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	server := &http.Server{Handler: mux}
	go func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			log.Fatal(err)
		}
	}()

	consul, err := api.NewClient(api.DefaultConfig())
	if err != nil {
		log.Fatal(err)
	}
	w := &worker{consul: consul, name: *name, ip: address.IP.String(), port: address.Port}
	if err := w.run(ctx); err != nil {
		log.Fatal(err)
	}
	server.Close()
}
