/* fuzz/replay.c - runs a fuzz target on files, where there is no libFuzzer. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <apr_general.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv) __attribute__((weak));

/* The file's bytes, in memory of exactly their size so that a sanitizer sees
 * a read past their end; NULL when it can not be read. */
static uint8_t *read_file(const char *path, size_t *size)
{
    uint8_t *data = NULL;
    FILE *in = fopen(path, "rb");
    long length = -1;

    if (in != NULL && fseek(in, 0, SEEK_END) == 0) {
        length = ftell(in);
        rewind(in);
    }
    if (length >= 0) {
        data = malloc(length > 0 ? (size_t)length : 1);
    }
    if (data != NULL) {
        *size = fread(data, 1, (size_t)length, in);
    }
    if (in != NULL) {
        fclose(in);
    }
    return data;
}

int main(int argc, char **argv)
{
    if (LLVMFuzzerInitialize != NULL) {
        LLVMFuzzerInitialize(&argc, &argv);
    }
    for (int i = 1; i < argc; i++) {
        size_t size = 0;
        uint8_t *data = read_file(argv[i], &size);

        if (data == NULL) {
            perror(argv[i]);
            return 1;
        }
        LLVMFuzzerTestOneInput(data, size);
        free(data);
    }
    apr_terminate(); /* with its pools, so that what leaks shows */
    printf("%d inputs\n", argc - 1);
    return 0;
}
