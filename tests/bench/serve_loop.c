/*
 * Answers one request again and again, without a socket: what an uncached answer costs from the
 * target to the body.
 *
 *     serve_loop DATASET COUNT TARGET [ACCEPT_ENCODING]
 *
 * prints the CPU time of one answer and the bytes of its body. Under `valgrind --tool=callgrind
 * --toggle-collect=serve` the instructions divided by COUNT + 1 (one answer is made before the
 * clock starts) are those of one answer, with the share of the first.
 */

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "db/dataset.h"
#include "handlers/catalogue.h"
#include "server/serve.h"

enum { PIECE = 32 << 10, BODY = 64 << 20 };

static double cpu_us(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return 1e6 * (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
           + (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

/* Answers once; gives the bytes of the body, and the reply's status in *ret_status. */
static size_t answer(const struct service *service, const struct request *request, int *ret_status)
{
    static char piece[PIECE];
    struct reply reply;
    size_t len;
    ssize_t n;

    serve(service, request, &reply);
    len = reply.len;
    while (reply.source.read != NULL
           && (n = reply.source.read(reply.source.context, piece, sizeof(piece))) > 0)
        len += (size_t)n;
    *ret_status = reply.status;
    reply_done(&reply);
    return len;
}

int main(int argc, char **argv)
{
    struct error err = { 0 };
    struct service service = { .catalogue = catalogue, .deadline_ms = 5000, .body_limit = BODY };
    struct request request = { .method = "GET", .id = "serve-loop" };
    long count = argc > 2 ? strtol(argv[2], NULL, 10) : 0;
    int status;
    size_t len;
    double start;

    if (argc < 4 || argc > 5 || count <= 0) {
        fprintf(stderr, "serve_loop: usage: serve_loop DATASET COUNT TARGET [ACCEPT_ENCODING]\n");
        return 2;
    }
    request.target = argv[3];
    request.accept_encoding = argv[4];
    service.dataset = dataset_new();
    if (service.dataset == NULL || !dataset_publish(service.dataset, argv[1], &err)) {
        fprintf(stderr, "serve_loop: %s\n", err.detail);
        return 1;
    }
    len = answer(&service, &request, &status);
    start = cpu_us();
    for (long i = 0; i < count; i++)
        answer(&service, &request, &status);
    printf("%9.2f us %8zu bytes %d %s\n", (cpu_us() - start) / (double)count, len, status, argv[3]);
    dataset_leave(service.dataset);
    dataset_free(service.dataset);
    return 0;
}
