// Libraries that find services through Consul, as their makers publish them. Each command is one of them at work; what it
// prints is what the test reads.
package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"sort"
	"strconv"
	"strings"
	"time"

	kitendpoint "github.com/go-kit/kit/endpoint"
	"github.com/go-kit/kit/sd"
	kitconsul "github.com/go-kit/kit/sd/consul"
	"github.com/go-kit/kit/sd/lb"
	kitlog "github.com/go-kit/log"
	"github.com/hashicorp/consul/api"
	_ "github.com/mbobakov/grpc-consul-resolver"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/discovery"
	promconsul "github.com/prometheus/prometheus/discovery/consul"
	"github.com/prometheus/prometheus/discovery/targetgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
)

func main() {
	address := os.Args[2]
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	commands := map[string]func(context.Context, string) error{
		"go-kit": goKit, "grpc": resolver, "prometheus": prometheusTargets,
	}
	if err := commands[os.Args[1]](ctx, address); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// until asks again until the answer is what is wanted.
func until(ctx context.Context, want string, ask func() string) error {
	for {
		got := ask()
		if got == want {
			fmt.Println("ok", want)
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("want %q, got %q", want, got)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// goKit: registrar, instancer, endpointer, balancer and retry of go-kit.
func goKit(ctx context.Context, address string) error {
	official, err := api.NewClient(&api.Config{Address: address})
	if err != nil {
		return err
	}
	client, logger := kitconsul.NewClient(official), kitlog.NewNopLogger()
	registrar := func(port int) *kitconsul.Registrar {
		return kitconsul.NewRegistrar(client, &api.AgentServiceRegistration{
			ID: "kit-" + strconv.Itoa(port), Name: "kit", Address: "127.0.0.1", Port: port, Tags: []string{"v1"},
		}, logger)
	}
	first, second := registrar(7001), registrar(7002)
	first.Register()
	second.Register()
	instancer := kitconsul.NewInstancer(client, logger, "kit", []string{"v1"}, true)
	defer instancer.Stop()
	factory := func(instance string) (kitendpoint.Endpoint, io.Closer, error) {
		return func(context.Context, any) (any, error) { return instance, nil }, nil, nil
	}
	call := lb.Retry(3, time.Second, lb.NewRoundRobin(sd.NewEndpointer(instancer, factory, logger)))
	seen := func() string {
		set := map[string]bool{}
		for i := 0; i < 8; i++ {
			if reply, err := call(ctx, nil); err == nil {
				set[reply.(string)] = true
			}
		}
		return join(set)
	}
	if err := until(ctx, "127.0.0.1:7001 127.0.0.1:7002", seen); err != nil {
		return err
	}
	first.Deregister()
	if err := until(ctx, "127.0.0.1:7002", seen); err != nil {
		return err
	}
	second.Deregister()
	return nil
}

// resolver: gRPC servers with gRPC checks, found by a resolver for consul:// and called in turn.
func resolver(ctx context.Context, address string) error {
	official, err := api.NewClient(&api.Config{Address: address})
	if err != nil {
		return err
	}
	var servers []*health.Server
	for i := 0; i < 2; i++ {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		server, state := grpc.NewServer(), health.NewServer()
		state.SetServingStatus("hello", healthpb.HealthCheckResponse_SERVING)
		healthpb.RegisterHealthServer(server, state)
		servers = append(servers, state)
		go server.Serve(listener)
		defer server.Stop()
		port := listener.Addr().(*net.TCPAddr).Port
		err = official.Agent().ServiceRegister(&api.AgentServiceRegistration{
			ID: "hello-" + strconv.Itoa(i), Name: "hello-service", Address: "127.0.0.1", Port: port,
			Check: &api.AgentServiceCheck{GRPC: fmt.Sprintf("127.0.0.1:%d/hello", port), Interval: "200ms", Timeout: "1s"},
		})
		if err != nil {
			return err
		}
	}
	conn, err := grpc.NewClient("consul://"+address+"/hello-service?healthy=true&wait=5s",
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultServiceConfig(`{"loadBalancingPolicy":"round_robin"}`))
	if err != nil {
		return err
	}
	defer conn.Close()
	client := healthpb.NewHealthClient(conn)
	answers := func() string {
		set := map[string]bool{}
		for i := 0; i < 8; i++ {
			reply, err := client.Check(ctx, &healthpb.HealthCheckRequest{Service: "hello"}, grpc.WaitForReady(true))
			if err != nil {
				set[err.Error()] = true
			} else {
				set[reply.Status.String()] = true
			}
		}
		return join(set)
	}
	if err := until(ctx, "SERVING", answers); err != nil {
		return err
	}
	servers[0].SetServingStatus("hello", healthpb.HealthCheckResponse_NOT_SERVING)
	if err := until(ctx, "1 passing", func() string {
		found, _, err := official.Health().Service("hello-service", "", true, nil)
		if err != nil {
			return err.Error()
		}
		return fmt.Sprint(len(found), " passing")
	}); err != nil {
		return err
	}
	return until(ctx, "SERVING", answers)
}

// prometheusTargets: service discovery of Prometheus; runs until both instances are found and one has gone.
func prometheusTargets(ctx context.Context, address string) error {
	official, err := api.NewClient(&api.Config{Address: address})
	if err != nil {
		return err
	}
	for _, id := range []string{"m1", "m2"} {
		service := &api.AgentServiceRegistration{ID: id, Name: "metered", Address: "10.9.8.7", Port: 9100, Tags: []string{"scraped"}}
		if err := official.Agent().ServiceRegister(service); err != nil {
			return err
		}
	}
	config := promconsul.DefaultSDConfig
	config.Server, config.Services, config.ServiceTags = address, []string{"metered"}, []string{"scraped"}
	config.RefreshInterval = model.Duration(time.Second)
	registry := prometheus.NewRegistry()
	metrics := config.NewDiscovererMetrics(registry, discovery.NewRefreshMetrics(registry))
	found, err := config.NewDiscoverer(discovery.DiscovererOptions{
		Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})), Metrics: metrics,
	})
	if err != nil {
		return err
	}
	groups, latest := make(chan []*targetgroup.Group), map[string]*targetgroup.Group{}
	go found.Run(ctx, groups)
	ids := func() string {
		select {
		case news := <-groups:
			for _, group := range news {
				latest[group.Source] = group
			}
		default:
		}
		set := map[string]bool{}
		for _, group := range latest {
			for _, target := range group.Targets {
				set[string(target["__meta_consul_service_id"])] = true
			}
		}
		return join(set)
	}
	if err := until(ctx, "m1 m2", ids); err != nil {
		return err
	}
	if err := official.Agent().ServiceDeregister("m1"); err != nil {
		return err
	}
	return until(ctx, "m2", ids)
}

func join(set map[string]bool) string {
	var all []string
	for one := range set {
		all = append(all, one)
	}
	sort.Strings(all)
	return strings.Join(all, " ")
}
