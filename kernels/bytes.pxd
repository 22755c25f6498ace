"""What bytes.h offers to the algorithms of bytes. `vi` is a vector of VLEN 32-bit integers, `vs` of 16-bit ones."""

from kernels.simd cimport vf


cdef extern from "bytes.h" nogil:
    const int EXACT_PER_WORD
    const int EXACT_LESS
    const int EXACT
    const int SATURATING
    const float ROUNDING
    ctypedef int vi
    vi load_words(const int* p)
    void store_words(int* p, vi v)
    void store_bytes(unsigned char* p, vi v)
    vi load_bytes(const unsigned char* p)
    vi broadcast_word(int x)
    vi add_words(vi a, vi b)
    vi multiply_words(vi a, vi b)
    vf to_float(vi v)
    vf clamp(vf v, float low, float high)
    vi nearest(vf v)
    void dot_tile(int kind, int rows, int vecs, Py_ssize_t taps, const Py_ssize_t* tap, Py_ssize_t depth,
                  const int* w, const int* x, Py_ssize_t x_step, int* out)
    ctypedef unsigned char operand
    void dot_tile_of_lanes(int rows, int vecs, Py_ssize_t taps, const Py_ssize_t* tap, Py_ssize_t depth,
                           const int* x, const int* w, int* out)
    void pairs_tile_of_lanes(int rows, int vecs, Py_ssize_t taps, const Py_ssize_t* tap, Py_ssize_t depth,
                             const int* x, const int* w, int* out)
    ctypedef int vs
    vs load_shorts(const short* p)
    void store_shorts(short* p, vs v)
    vs less(const unsigned char* p, int flip, int zero)
    int dot_chains(Py_ssize_t steps)
    void make_words(int per_word, Py_ssize_t stride, const unsigned char* bytes, Py_ssize_t step, Py_ssize_t count,
                    int flip, int* out)
