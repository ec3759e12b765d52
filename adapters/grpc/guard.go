package sallyportgrpc

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/internal/nearest"
)

// A Config says what a [Guard] is to guard.
type Config struct {
	Gate  *sallyport.Gate           // whose doors they are; never nil
	Doors map[string]sallyport.Door // of each method, by its full name "/package.Service/Method"

	Domain string                           // of the ErrorInfo in refusals; "" = "sallyport"
	Addr   func(context.Context) netip.Addr // address of the client; nil = the peer; set it to trust a proxy's metadata
	Idle   time.Duration                    // how often a stream is looked at while no message moves; 0 = a second
}

// A Guard is the doors of a gRPC server. It is safe for concurrent use.
type Guard struct {
	config Config
	doors  map[string]admission
}

// admission is what [sallyport.Gate.Admit] makes of a door.
type admission = func(context.Context, sallyport.Credential) (context.Context, error)

// New returns the guard, or everything that is wrong with the configuration. A door
// that loads its object cannot be one of a method, because loaders read requests of
// HTTP: name [sallyport.SignedIn], and ask about the object in the handler. The map
// is copied.
func New(c Config) (*Guard, error) {
	g := &Guard{config: c, doors: make(map[string]admission, len(c.Doors))}
	var errs []error
	if c.Gate == nil {
		return nil, errors.New("sallyportgrpc: a guard needs a gate")
	}
	if c.Idle < 0 {
		errs = append(errs, errors.New("sallyportgrpc: Idle is negative"))
	}
	for _, method := range slices.Sorted(maps.Keys(c.Doors)) {
		if service, name := split(method); service == "" || name == "" || fullName(service, name) != method {
			errs = append(errs, fmt.Errorf(`sallyportgrpc: door of %q: a full name reads "/package.Service/Method"`, method))
		}
		admit, err := c.Gate.Admit(c.Doors[method])
		if err != nil {
			errs = append(errs, fmt.Errorf("sallyportgrpc: door of %s: %w", method, err))
		}
		g.doors[method] = admit
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return g, nil
}

// Options returns both interceptors, for [grpc.NewServer]. Interceptors that are
// chained before them see calls that nobody was asked about yet; those behind them
// see who it is.
func (g *Guard) Options() []grpc.ServerOption {
	return []grpc.ServerOption{grpc.ChainUnaryInterceptor(g.Unary()), grpc.ChainStreamInterceptor(g.Stream())}
}

// Services is what a [grpc.Server] says of what is registered with it.
type Services interface {
	GetServiceInfo() map[string]grpc.ServiceInfo
}

// Verify holds the doors against the methods of the server: call it once all its
// services are registered, before it serves. The error names every method that has
// no door and every door of a method that does not exist, with the one that was
// probably meant.
func (g *Guard) Verify(s Services) error {
	methods := make(map[string]bool)
	services := make(map[string][]string)
	for service, info := range s.GetServiceInfo() {
		services[service] = nil
		for _, m := range info.Methods {
			services[service] = append(services[service], m.Name)
			methods[fullName(service, m.Name)] = true
		}
	}
	var errs []error
	for _, method := range slices.Sorted(maps.Keys(methods)) {
		if g.doors[method] == nil {
			errs = append(errs, fmt.Errorf("sallyportgrpc: %s has no door", method))
		}
	}
	for _, method := range slices.Sorted(maps.Keys(g.doors)) {
		if !methods[method] {
			errs = append(errs, fmt.Errorf("sallyportgrpc: door of %s: the server has no such method%s", method, hint(method, services)))
		}
	}
	return errors.Join(errs...)
}

// hint is what to say of the nearest method to one that does not exist: of its
// service if there is that, else of the service with the nearest name.
func hint(method string, services map[string][]string) string {
	service, name := split(method)
	if _, there := services[service]; !there {
		if service = nearest.Name(service, maps.Keys(services)); service == "" {
			return ""
		}
	}
	n := nearest.Name(name, slices.Values(services[service]))
	if n == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", fullName(service, n))
}

func fullName(service, method string) string { return "/" + service + "/" + method }

// split is the reverse of fullName, of anything.
func split(method string) (service, name string) {
	service, name, _ = strings.Cut(strings.TrimPrefix(method, "/"), "/")
	return service, name
}
