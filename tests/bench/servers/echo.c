/* Echo in C on epoll: one thread, one buffer, and what did not fit kept per
 * connection. The floor of what any server costs here. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

struct peer {
  int fd;
  size_t at, length; /* what of `rest` is still to be sent */
  char *rest;
};

static char buffer[256 * 1024];

static void watch(int epoll, struct peer *peer, int operation, int events) {
  struct epoll_event event = {.events = events, .data.ptr = peer};
  epoll_ctl(epoll, operation, peer->fd, &event);
}

static void leave(struct peer *peer) {
  close(peer->fd);
  free(peer->rest);
  free(peer);
}

static void receive(int epoll, struct peer *peer) {
  ssize_t n = recv(peer->fd, buffer, sizeof buffer, 0);
  if (n <= 0) return leave(peer);
  ssize_t taken = send(peer->fd, buffer, n, MSG_NOSIGNAL);
  if (taken == n) return;
  if (taken < 0) taken = 0;
  peer->at = 0;
  peer->length = n - taken;
  peer->rest = malloc(peer->length);
  memcpy(peer->rest, buffer + taken, peer->length);
  watch(epoll, peer, EPOLL_CTL_MOD, EPOLLOUT);
}

static void resume(int epoll, struct peer *peer) {
  ssize_t taken = send(peer->fd, peer->rest + peer->at,
                       peer->length - peer->at, MSG_NOSIGNAL);
  if (taken < 0) return leave(peer);
  peer->at += taken;
  if (peer->at < peer->length) return;
  free(peer->rest);
  peer->rest = NULL;
  watch(epoll, peer, EPOLL_CTL_MOD, EPOLLIN);
}

int main(void) {
  struct sockaddr_in address = {.sin_family = AF_INET,
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  struct peer server = {.fd = socket(AF_INET, SOCK_STREAM, 0)};
  bind(server.fd, (struct sockaddr *)&address, size);
  listen(server.fd, 511);
  getsockname(server.fd, (struct sockaddr *)&address, &size);
  printf("%d\n", ntohs(address.sin_port));
  fflush(stdout);

  int epoll = epoll_create1(0);
  watch(epoll, &server, EPOLL_CTL_ADD, EPOLLIN);
  for (;;) {
    struct epoll_event events[512];
    int count = epoll_wait(epoll, events, 512, -1);
    for (int i = 0; i < count; i++) {
      struct peer *peer = events[i].data.ptr;
      if (peer == &server) {
        int fd = accept4(server.fd, NULL, NULL, SOCK_NONBLOCK);
        if (fd < 0) continue;
        peer = calloc(1, sizeof *peer);
        peer->fd = fd;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
        watch(epoll, peer, EPOLL_CTL_ADD, EPOLLIN);
      } else if (peer->rest != NULL) {
        resume(epoll, peer);
      } else {
        receive(epoll, peer);
      }
    }
  }
}
