"""What bytes.h and the headers beside it offer. `vi` is a vector of VLEN 32-bit integers, `vs` of 16-bit ones."""

from kernels.simd cimport Ahead, vf


cdef extern from "bytes.h" nogil:
    const int EXACT_PER_WORD
    const int EXACT_LESS
    const int EXACT
    const int SATURATING
    ctypedef int vi
    vi load_words(const int* p)
    void store_words(int* p, vi v)
    void store_bytes(unsigned char* p, vi v)
    vi broadcast_word(int x)
    vi add_words(vi a, vi b)
    vi multiply_words(vi a, vi b)
    vf to_float(vi v)
    void dot_tile(int kind, int rows, int vecs, Py_ssize_t taps, const Py_ssize_t* tap, Py_ssize_t depth,
                  const int* w, const int* x, Py_ssize_t x_step, int* out)
    ctypedef unsigned char operand
    ctypedef int vs
    vs load_shorts(const short* p)
    void store_shorts(short* p, vs v)
    vs less(const unsigned char* p, const unsigned char* q, int flip, int zero)
    int dot_chains(Py_ssize_t steps)


cdef extern from "bytes_words.h" nogil:
    void copy_pixels(const unsigned char* x, Py_ssize_t pixels, unsigned char flip, unsigned char* out)
    void fill_pixels(unsigned char byte, Py_ssize_t pixels, unsigned char* out)
    void make_words(int per_word, Py_ssize_t stride, const unsigned char* bytes, Py_ssize_t step, Py_ssize_t count,
                    int flip, int* out)


cdef extern from "bytes_output.h" nogil:
    const float ROUNDING
    ctypedef struct Output:
        float low, high
        int zero, size, activation
        float slope
    ctypedef struct Operand:
        int zero, flip
        float scale
    ctypedef struct Sum:
        Operand a, b
        float scale
        int linear
        float a_ratio, b_ratio, shift
    vf clamp(vf v, float low, float high)
    vi nearest(vf v, int more)
    bint has_nan(vf a, vf b)
    vf quotient(vf v, float y, float inverse)
    void store_pixels(unsigned char* p, vf a, vf b, vf c, vf d, Py_ssize_t count, const Output* y)
    vi to_byte(vi sum, vf scale, const Output* output)
    vf steps_of(const Operand* operand, const unsigned char* bytes)
    vf added(const unsigned char* a, const unsigned char* b, const Sum* sum)
    void end_pixels(const int* sums, Py_ssize_t step, Py_ssize_t pixels, vf scale, const Output* output,
                    unsigned char* y)


cdef extern from "bytes_lanes.h" nogil:
    ctypedef struct Finish:
        const float* scale
        const Output* output
        unsigned char* y
        Py_ssize_t step
    void dot_tile_of_lanes(int rows, int vecs, Py_ssize_t taps, const Py_ssize_t* tap, Py_ssize_t depth, const int* x,
                           const int* w, const int* start, int* out, const Finish* finish, Ahead ahead)
    void pairs_tile_of_lanes(int rows, int vecs, Py_ssize_t taps, const Py_ssize_t* tap, Py_ssize_t depth,
                             const int* x, const int* w, int* out, Ahead ahead)
